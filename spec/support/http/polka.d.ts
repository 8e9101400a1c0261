/** polka 0.5 has no types. As far as the specs use it. */
declare module 'polka' {
  import type { RequestListener } from 'node:http';

  interface Polka {
    readonly handler: RequestListener;
    use(middleware: unknown): Polka;
    post(path: string, handler: RequestListener): Polka;
  }
  export default function polka(options?: { onError?: unknown; onNoMatch?: unknown }): Polka;
}
