/** Bar charts as SVG, from zero, in two themes. */
import { init } from 'echarts';

export interface Bars {
  title: string;
  categories: string[];
  series: Array<{ name: string; values: number[] }>;
  /** What the bars are measured by. */
  line?: { at: number; name: string };
}

/** GitHub's own backgrounds and inks; the bars are told apart without colour vision, too: each is lighter than the one before. */
const themes = {
  light: { background: '#ffffff', ink: '#1f2328', grid: '#d1d9e0', bars: ['#0b3954', '#1f77a4', '#5fa8d3', '#a9d6e5'] },
  dark: { background: '#0d1117', ink: '#e6edf3', grid: '#3d444d', bars: ['#2a6f97', '#4a9cc7', '#89c2d9', '#d0ebf5'] },
} as const;

const WIDTH = 960;
const HEIGHT = 420;

export function bars({ title, categories, series, line }: Bars, theme: keyof typeof themes): string {
  const { background, ink, grid, bars: colours } = themes[theme];
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  const most = Math.max(...series.flatMap(({ values }) => values));
  const digits = most >= 100 ? 0 : most >= 2 ? 1 : 2;
  // Side by side they would run into each other.
  const upright = categories.length * series.length > 30 ? { rotate: 90, align: 'left', verticalAlign: 'middle' } : {};
  const text = { color: ink, fontFamily: 'sans-serif' };
  chart.setOption({
    animation: false,
    backgroundColor: background,
    color: [...colours],
    textStyle: text,
    title: { text: title, left: 'center', top: 8, textStyle: { ...text, fontSize: 16, fontWeight: 'bold' } },
    legend: { bottom: 4, textStyle: text },
    grid: { left: 48, right: 64, top: 48, bottom: 84 },
    xAxis: {
      type: 'category',
      data: categories,
      axisLabel: {
        ...text,
        fontSize: categories.length > 8 ? 9 : 12,
        interval: 0,
        width: (WIDTH - 112) / categories.length - 6,
        overflow: 'break',
      },
      axisLine: { lineStyle: { color: ink } },
    },
    yAxis: { type: 'value', min: 0, axisLabel: text, splitLine: { lineStyle: { color: grid } } },
    series: series.map(({ name, values }, i) => ({
      name,
      type: 'bar',
      data: values,
      label: {
        show: true,
        position: 'top',
        ...text,
        fontSize: 10,
        ...upright,
        formatter: ({ value }: { value: number }) => value.toFixed(digits),
      },
      ...(i === 0 && line !== undefined
        ? {
            markLine: {
              silent: true,
              symbol: 'none',
              lineStyle: { color: ink, type: 'dashed' },
              label: { formatter: line.name, color: ink, position: 'end' },
              data: [{ yAxis: line.at }],
            },
          }
        : {}),
    })),
  } as never);
  const svg = chart.renderToSVGString();
  chart.dispose();
  // A picture has a title, and nothing to hover over.
  return svg.replace(/<style.*?<\/style>\n?/s, '').replace(/<svg.*?>/, (tag) => `${tag}\n<title>${title}</title>`);
}
