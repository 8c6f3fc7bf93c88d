// What the scripts here share. A test names a scenario and its options; facts go back as lines of
// JSON on standard output, and the test judges them. What throws or takes too long exits with 1.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';

/** Loads an npm package of package.json from where it is installed. */
export const installed = createRequire(`${process.env.SHUNT_CLIENTS}/package.json`);

export const tell = (facts) => process.stdout.write(`${JSON.stringify(facts)}\n`);

/** `bytes` of them, never the same for long, so that nothing can be lost, doubled or swapped unseen. */
export function pattern(bytes) {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; ++i) words[i] = Math.imul(i, 2654435761);
  return Buffer.from(words.buffer, 0, bytes);
}

export const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Runs what the command line names: `node SCRIPT SCENARIO OPTIONS`. A server returns nothing and stays. */
export async function run(scenarios) {
  const [name, options] = [process.argv[2], JSON.parse(process.argv[3])];
  const fail = (why) => {
    console.error(why);
    process.exit(1);
  };
  const deadline = setTimeout(() => fail(`${name} did not end in time`), options.deadline_ms);
  process.on('unhandledRejection', fail);
  const facts = await scenarios[name](options);
  clearTimeout(deadline);
  if (facts === undefined) return;
  tell(facts);
  process.exit(0);
}
