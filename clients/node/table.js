/** What the service accepts, as generated from its own definitions. */

import { readFileSync } from 'node:fs';

/** Every event: its `type`, its `meaning` and its `fields`. `limits`: the largest count, label and duration. */
export const { events, limits } = JSON.parse(readFileSync(new URL('./events.json', import.meta.url), 'utf8'));
