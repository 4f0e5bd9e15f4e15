'use strict';

// Asks the libraries of providers to verify and to sign. Each line on standard
// input is a JSON array of tasks, and each line on standard output the array of
// their outcomes. See differentialpeers_test.go, which is the other end.

const readline = require('node:readline');

// Some libraries print, which must not mix with the outcomes.
console.log = console.info = console.error;

// The libraries have no clock but this.
let now = 0;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...values) {
    super(...(values.length > 0 ? values : [now]));
  }

  static now() {
    return now;
  }
};

// What later versions of Node.js have without asking.
globalThis.crypto ??= require('node:crypto').webcrypto;

const libraries = require('./libraries.js');

// request returns the request of a task as Node.js shows it to a server.
function request(task) {
  const body = Buffer.from(task.body ?? '', 'base64');
  const headers = {};
  for (const [field, value] of task.headers ?? []) {
    const name = field.toLowerCase();
    if (!(name in headers)) {
      headers[name] = value;
    } else if (name !== 'authorization' && name !== 'content-type') {
      headers[name] += ', ' + value; // see IncomingMessage.headers
    }
  }
  return { ...task, headers, body, text: body.toString('utf8'), options: task.options ?? {} };
}

async function perform(task) {
  now = task.now;
  const library = libraries[task.library];
  if (!library?.[task.operation]) {
    throw new Error(`${task.library} does not ${task.operation}`);
  }
  if (task.operation === 'sign') {
    const { headers = {}, url = '', body } = await library.sign(request(task));
    return { headers: Object.entries(headers), url, body: body && Buffer.from(body).toString('base64') };
  }
  try {
    return { valid: (await library.verify(request(task))) === true };
  } catch (error) {
    // Everything else is a verdict, even a TypeError on what is missing.
    if (error instanceof ReferenceError || /MODULE_NOT_FOUND|REQUIRE_ESM/.test(error?.code)) {
      throw error;
    }
    return { valid: false, error: String(error) };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const outcomes = [];
    for (const task of JSON.parse(line)) {
      // One by one, since they share the clock.
      outcomes.push(await perform(task).catch((error) => ({ failed: String(error?.stack ?? error) })));
    }
    process.stdout.write(JSON.stringify(outcomes) + '\n');
  }
}

main();
