/** The server with node:zlib. */
import { createGunzip } from 'node:zlib';
import { serve } from './serve.ts';

serve(createGunzip);
