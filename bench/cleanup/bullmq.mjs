// What bullmq does on the Redis of this port: `burn JOBS` prints jobs a second, `latency PER_SECOND SECONDS` the waits
// of its jobs in milliseconds, one a line. Concurrency and batches as its documents advise for short jobs.
import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';

const require = createRequire(process.cwd() + '/');
const { Queue, Worker } = require('bullmq');
const [port, what, ...numbers] = process.argv.slice(2);
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null };
const queue = new Queue('cleanup', { connection });
await queue.obliterate({ force: true });
const concurrency = 100;
const keep = { removeOnComplete: true };
const now = () => performance.timeOrigin + performance.now();

if (what === 'burn') {
  const jobs = Number(numbers[0]);
  for (let i = 0; i < jobs; i += 500)
    await queue.addBulk(Array.from({ length: Math.min(500, jobs - i) }, (_, k) => ({ name: 'n', data: { n: i + k }, opts: keep })));
  let done = 0;
  const began = now();
  await new Promise((end) => {
    const worker = new Worker('cleanup', async () => {}, { connection, concurrency });
    worker.on('completed', () => { if (++done === jobs) end(worker.close()); });
  });
  console.log((jobs / (now() - began)) * 1000);
} else {
  const [rate, seconds] = numbers.map(Number);
  const waits = [];
  const worker = new Worker('cleanup', async (job) => { waits.push(now() - job.data.t); }, { connection, concurrency });
  await worker.waitUntilReady();
  const began = now(), all = rate * seconds;
  // An open loop: what is late is added late, and its wait counts from when it should have been.
  const adding = [];
  for (let sent = 0; sent < all;) {
    const due = Math.min(all, Math.floor(((now() - began) / 1000) * rate));
    for (; sent < due; ++sent) adding.push(queue.add('n', { t: began + (sent / rate) * 1000 }, keep));
    await new Promise((next) => setTimeout(next, 1));
  }
  await Promise.all(adding);
  const patience = now() + 60000;
  while (waits.length < all && now() < patience) await new Promise((next) => setTimeout(next, 20));
  console.log(waits.join('\n'));
  await worker.close();
}
await queue.close();
process.exit(0);
