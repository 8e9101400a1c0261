/** The server on the pool. */
import { createGunzip } from 'zlease';
import { serve } from './serve.ts';

serve(createGunzip);
