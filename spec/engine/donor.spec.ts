import { expect } from 'chai';
import { codecs } from '../../lib/engine/codecs.ts';
import { createDonor, type Handle } from '../../lib/engine/donor.ts';
import { type EngineKind, engineKind } from '../../lib/engine/kind.ts';
import { keepsParams, PROBE_TEXT } from '../../lib/engine/probe.ts';

const encoders = codecs.filter(({ probeParams }) => probeParams !== undefined);

function prototypeOf(kind: EngineKind): Handle {
  const [donor] = createDonor(kind.codec, engineKind(kind.codec));
  const prototype = Object.getPrototypeOf(donor._handle);
  donor.close();
  return prototype;
}

describe('A donor', () => {
  for (const codec of encoders) {
    const { once } = codec.names;
    const kind = engineKind(codec, { params: codec.probeParams });

    it(`with parameters tells how its handle is set up (${once})`, () => {
      const [donor, setUp] = createDonor(codec, kind);
      expect(setUp).to.include(donor._writeState);
      expect(donor._handle.init(...(setUp as unknown[]))).to.not.equal(false);
      donor.close();
    });

    it(`would be found out if it lost its parameters: the probe's text is other with them (${once})`, () => {
      const text = Buffer.from(PROBE_TEXT);
      expect(codec.sync(text, { params: codec.probeParams }).equals(codec.sync(text))).to.equal(false);
      expect(keepsParams(codec)).to.equal(true);
    });

    it(`shares its parameters with no other (${once})`, () => {
      const [first, setUp = []] = createDonor(codec, kind);
      const before = JSON.stringify(setUp[0]);
      const [second] = createDonor(codec, engineKind(codec, {}));
      expect(JSON.stringify(setUp[0])).to.equal(before);
      first.close();
      second.close();
    });

    it(`leaves node:zlib's init() as it was, also if it fails (${once})`, () => {
      const prototype = prototypeOf(kind);
      const own = Object.getOwnPropertyDescriptor(prototype, 'init');
      createDonor(codec, kind)[0].close();
      expect(Object.getOwnPropertyDescriptor(prototype, 'init')).to.deep.equal(own);
      const bad = { ...kind, options: { ...kind.options, params: { 99999: 1 } } };
      expect(() => createDonor(codec, bad)).to.throw();
      expect(Object.getOwnPropertyDescriptor(prototype, 'init')).to.deep.equal(own);
    });

    it(`tells nothing on a Node that does not let its handles be observed (${once})`, () => {
      const prototype = prototypeOf(kind);
      const own = Object.getOwnPropertyDescriptor(prototype, 'init') as PropertyDescriptor;
      for (const hidden of [
        (inherited: object) => Reflect.deleteProperty(prototype, 'init') && Object.setPrototypeOf(prototype, inherited),
        () => Object.defineProperty(prototype, 'init', { configurable: true, get: () => own.value }),
      ]) {
        const parent = Object.getPrototypeOf(prototype);
        const inherited = Object.create(parent, { init: own });
        try {
          hidden(inherited);
          const [donor, setUp] = createDonor(codec, kind);
          donor.close();
          expect(setUp).to.equal(undefined);
        } finally {
          Object.setPrototypeOf(prototype, parent);
          Object.defineProperty(prototype, 'init', own);
        }
      }
    });
  }

  it('without parameters has no set-up: a reset is enough', () => {
    for (const codec of codecs) {
      const [donor, setUp] = createDonor(codec, engineKind(codec));
      donor.close();
      expect(setUp).to.equal(undefined);
    }
  });
});
