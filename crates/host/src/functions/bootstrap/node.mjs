// Runs a Node.js Lambda handler: loads it, asks the Runtime API for work, and answers.
// Behaves as the managed runtime does towards the handler; the process ends when the Runtime API goes away.

import { writeSync } from 'node:fs';
import { access } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';

const [apiHost, apiPort] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
const require = createRequire(import.meta.url);

let requestId = 'undefined';
let inHand = null; // The invocation that has no answer yet.

// --- log --------------------------------------------------------------------------------------

// One event, framed so that a text of several lines stays together.
function writeEvent(text) {
  const body = Buffer.from(`${text}\n`);
  const bytes = Buffer.concat([Buffer.from(`\0\0${body.length}\n`), body]);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') return;
    }
  }
}

function logger(level) {
  return (...values) => writeEvent(`${new Date().toISOString()}\t${requestId}\t${level}\t${format(...values)}`);
}

console.log = logger('INFO');
console.info = logger('INFO');
console.warn = logger('WARN');
console.error = logger('ERROR');
console.debug = logger('DEBUG');
console.fatal = logger('FATAL');
console.trace = (...values) => {
  const trace = { name: 'Trace', message: format(...values) };
  Error.captureStackTrace(trace, console.trace);
  logger('TRACE')(trace.stack);
};

// --- errors -----------------------------------------------------------------------------------

class RuntimeError extends Error {
  constructor(type, message, stack) {
    super(message);
    this.name = type;
    if (stack) this.stack = stack;
  }
}

function isError(value) {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
}

function errorDocument(error) {
  if (isError(error)) {
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function logError(label, error) {
  const { errorType, errorMessage, trace } = errorDocument(error);
  const own = isError(error) ? { ...error } : {};
  delete own.name;
  let text;
  try {
    text = JSON.stringify({ errorType, errorMessage, ...own, stack: trace });
  } catch {
    text = JSON.stringify({ errorType, errorMessage, stack: trace });
  }
  logger('ERROR')(`${label} \t${text}`);
}

// --- Runtime API ------------------------------------------------------------------------------

function call(method, route, { body, headers } = {}) {
  return new Promise((resolve, reject) => {
    const options = { agent, method, headers, host: apiHost, port: apiPort, path: `/2018-06-01/runtime/${route}` };
    const request = http.request(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function post(route, document, errorType) {
  const body = Buffer.from(document);
  const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
  if (errorType) headers['Lambda-Runtime-Function-Error-Type'] = encodeURIComponent(errorType);
  return call('POST', route, { body, headers }).catch(() => process.exit(1));
}

// --- loading ----------------------------------------------------------------------------------

const exists = (file) => access(file).then(() => true, () => false);

function splitHandler(text) {
  if (text.includes('..')) {
    throw new RuntimeError('Runtime.MalformedHandlerName', `'${text}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const base = path.basename(text);
  const match = /^([^.]*)\.(.*)$/.exec(base);
  if (!match) throw new RuntimeError('Runtime.MalformedHandlerName', 'Bad handler');
  return { root: text.slice(0, text.length - base.length), module: match[1], names: match[2].split('.') };
}

async function loadModule(root, name) {
  const file = path.resolve(process.env.LAMBDA_TASK_ROOT, root, name);
  try {
    if (await exists(file)) return require(file);
    // `import` serves CommonJS as well, and decides by package.json what a .js file is.
    for (const extension of ['.js', '.mjs', '.cjs']) {
      if (await exists(file + extension)) {
        if (extension !== '.mjs') {
          try {
            return require(file + extension);
          } catch (error) {
            if (error.code !== 'ERR_REQUIRE_ESM' && error.code !== 'ERR_REQUIRE_ASYNC_MODULE') throw error;
          }
        }
        return await import(pathToFileURL(file + extension).href);
      }
    }
    return require(require.resolve(name, { paths: [process.env.LAMBDA_TASK_ROOT, path.resolve(process.env.LAMBDA_TASK_ROOT, root)] }));
  } catch (error) {
    if (error instanceof SyntaxError) throw new RuntimeError('Runtime.UserCodeSyntaxError', String(error), error.stack);
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw new RuntimeError('Runtime.ImportModuleError', String(error), error.stack);
    }
    throw error;
  }
}

async function loadHandler() {
  const text = process.env._HANDLER;
  const { root, module, names } = splitHandler(text);
  const loaded = await loadModule(root, module);
  const find = (from) => names.reduce((value, name) => value?.[name], from);
  const handler = find(loaded) ?? find(loaded?.default);
  if (handler === undefined || handler === null) {
    throw new RuntimeError('Runtime.HandlerNotFound', `${text} is undefined or not exported`);
  }
  if (typeof handler !== 'function') throw new RuntimeError('Runtime.HandlerNotFound', `${text} is not a function`);
  return handler;
}

// --- invocations ------------------------------------------------------------------------------

class Invocation {
  constructor({ headers, body }) {
    this.id = headers['lambda-runtime-aws-request-id'];
    this.headers = headers;
    this.body = body;
    this.waitsForEmptyLoop = true;
    this.held = undefined; // What the callback was given, until the event loop is empty.
    this.answered = new Promise((resolve) => (this.markAnswered = resolve));
    this.open = true;
  }

  async answer(error, value, label = 'Invoke Error') {
    if (!this.open) return;
    this.open = false;
    inHand = null;
    let document;
    if (!error) {
      try {
        document = JSON.stringify(value === undefined ? null : value) ?? 'null';
      } catch {
        error = { cause: new RuntimeError('Error', 'Unable to stringify response body') };
      }
    }
    if (error) {
      logError(label, error.cause);
      const shape = errorDocument(error.cause);
      await post(`invocation/${this.id}/error`, JSON.stringify(shape), shape.errorType);
    } else {
      await post(`invocation/${this.id}/response`, document);
    }
    this.markAnswered();
  }

  callback(error, value) {
    if (!this.open || this.held) return;
    this.held = { error: error === undefined || error === null ? null : { cause: error }, value };
    if (!this.waitsForEmptyLoop) this.release();
  }

  // The event loop is empty: nothing more can come of this invocation.
  release() {
    const { error, value } = this.held ?? { error: null, value: null };
    this.answer(error, value);
  }

  context() {
    const { headers } = this;
    const invocation = this;
    const deadline = Number(headers['lambda-runtime-deadline-ms']);
    const parse = (text) => (text === undefined ? undefined : JSON.parse(text));
    const done = (error, value) => invocation.answer(error === undefined || error === null ? null : { cause: error }, value);
    return {
      get callbackWaitsForEmptyEventLoop() {
        return invocation.waitsForEmptyLoop;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        invocation.waitsForEmptyLoop = value;
      },
      done,
      succeed: (value) => done(null, value),
      fail: (error) => done(error ?? new Error('handled')),
      functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
      memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
      clientContext: parse(headers['lambda-runtime-client-context']),
      identity: parse(headers['lambda-runtime-cognito-identity']),
      invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
      awsRequestId: this.id,
      getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
    };
  }

  run(handler) {
    inHand = this;
    requestId = this.id;
    const trace = this.headers['lambda-runtime-trace-id'];
    if (trace) process.env._X_AMZN_TRACE_ID = trace;
    else delete process.env._X_AMZN_TRACE_ID;
    try {
      const event = JSON.parse(this.body.toString('utf8'));
      const result = handler(event, this.context(), (error, value) => this.callback(error, value));
      if (typeof result?.then === 'function') {
        result.then(
          (value) => this.answer(null, value),
          (error) => this.answer({ cause: error }),
        );
      }
    } catch (error) {
      this.answer({ cause: error });
    }
    return this.answered;
  }
}

process.on('beforeExit', () => inHand?.release());

async function die(error, code) {
  if (inHand) await inHand.answer({ cause: error }, undefined, 'Uncaught Exception');
  else logError('Uncaught Exception', error);
  process.exit(code);
}

process.on('uncaughtException', (error) => die(error, 129));
process.on('unhandledRejection', (reason) => {
  const error = new RuntimeError('Runtime.UnhandledPromiseRejection', String(reason), isError(reason) ? reason.stack : undefined);
  error.reason = isError(reason) ? errorDocument(reason) : reason;
  die(error, 128);
});

globalThis.awslambda = {
  streamifyResponse() {
    throw new RuntimeError('Runtime.StreamingNotSupported', 'Pontoon does not support response streaming in Node.js functions');
  },
};

async function main() {
  let handler;
  try {
    handler = await loadHandler();
  } catch (error) {
    logError('Uncaught Exception', error);
    const shape = errorDocument(error);
    await post('init/error', JSON.stringify(shape), shape.errorType);
    process.exit(1);
  }
  for (;;) {
    const next = await call('GET', 'invocation/next').catch(() => process.exit(1));
    if (!next.headers['lambda-runtime-aws-request-id']) process.exit(1);
    await new Invocation(next).run(handler);
  }
}

main();
