'use strict';

// What the libraries do with a request: verify returns true or fails, and sign
// returns what the library would have the sender add. A request has the secret,
// method, url, headers with names in lower case, body as a Buffer and as text,
// the options of the scheme, and now, in milliseconds.

const { createSecretKey } = require('node:crypto');
const https = require('node:https');
const querystring = require('node:querystring');
const { Readable } = require('node:stream');

// accepts is for libraries that return nothing, or what they parsed.
const accepts = (verify) => async (r) => {
  await verify(r);
  return true;
};

const seconds = (r) => Math.floor(r.now / 1000);
const isForm = (r) => (r.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
// form is what the parser of Express makes of a body.
const form = (r) => (isForm(r) ? { ...querystring.parse(r.text) } : {});
const path = (r) => /^https?:\/\/[^/]+([^?]*)/.exec(r.url)[1];

// standardWebhooks is for the two libraries with this interface.
const standardWebhooks = (library, prefix, options) => ({
  verify: accepts((r) => new (require(library).Webhook)(r.secret).verify(r.body, r.headers, options)),
  sign: (r) => ({
    headers: {
      [prefix + '-id']: r.options.id,
      [prefix + '-timestamp']: String(seconds(r)),
      [prefix + '-signature']: new (require(library).Webhook)(r.secret).sign(r.options.id, new Date(r.now), r.body),
    },
  }),
});

const hubspot = (version, field) => ({
  verify: (r) => {
    if (!r.headers[field]) {
      return false;
    }
    return require('@hubspot/api-client').Signature.isValid({
      signatureVersion: version, method: r.method, clientSecret: r.secret, url: r.url, requestBody: r.text,
      signature: r.headers[field], timestamp: r.headers['x-hubspot-request-timestamp'],
    });
  },
  sign: (r) => ({
    headers: {
      'x-hubspot-request-timestamp': String(r.now),
      [field]: require('@hubspot/api-client').Signature.getSignature(r.method, version, {
        clientSecret: r.secret, url: r.url, requestBody: r.text, timestamp: r.now,
      }),
    },
  }),
});

// The whole library takes seconds to load.
const adyen = () => new (require('@adyen/api-library/lib/src/utils/hmacValidator').default)();

const adyenItems = (r) => JSON.parse(r.text).notificationItems.map((item) => item.NotificationRequestItem);

// stubCertificate answers requests for certificates, of which there must be none
// on the network.
const stubCertificate = (r) => {
  https.get = (url, done) => {
    const certificate = r.options[url];
    const response = Readable.from(certificate ? [certificate] : []);
    response.statusCode = certificate ? 200 : 404;
    done(response);
    return response;
  };
};

module.exports = {
  standardwebhooks: standardWebhooks('standardwebhooks', 'webhook', { jsonParse: false }),
  svix: standardWebhooks('svix', 'svix'),

  stripe: {
    verify: (r) => require('stripe').webhooks.signature.verifyHeader(r.body, r.headers['stripe-signature'], r.secret),
    sign: (r) => ({
      headers: {
        'stripe-signature': require('stripe').webhooks.generateTestHeaderString({
          payload: r.text, secret: r.secret, timestamp: seconds(r),
        }),
      },
    }),
  },

  '@octokit/webhooks-methods': {
    verify: async (r) =>
      (await import('@octokit/webhooks-methods')).verify(r.secret, r.text, r.headers['x-hub-signature-256']),
    sign: async (r) => ({
      headers: { 'x-hub-signature-256': await (await import('@octokit/webhooks-methods')).sign(r.secret, r.text) },
    }),
  },

  twilio: {
    verify: (r) =>
      require('twilio').validateIncomingRequest(
        { header: (name) => r.headers[name.toLowerCase()], body: form(r), rawBody: r.text },
        r.secret,
        { url: r.url },
      ),
    sign: (r) => {
      const { getExpectedTwilioSignature, getExpectedBodyHash } = require('twilio');
      const url = isForm(r) || r.text === '' ? r.url : r.url + (r.url.includes('?') ? '&' : '?') + 'bodySHA256=' + getExpectedBodyHash(r.text);
      return { url, headers: { 'x-twilio-signature': getExpectedTwilioSignature(r.secret, url, form(r)) } };
    },
  },

  plivo_v3: {
    verify: (r) =>
      require('plivo').validateV3Signature(
        r.method, r.url, r.headers['x-plivo-signature-v3-nonce'], r.secret, r.headers['x-plivo-signature-v3'], form(r),
      ),
  },
  plivo_v2: {
    verify: (r) =>
      require('plivo').validateSignature(
        r.url, r.headers['x-plivo-signature-v2-nonce'], r.headers['x-plivo-signature-v2'], r.secret,
      ),
  },

  messagebird: {
    verify: accepts((r) =>
      require('messagebird/lib/webhook-signature-jwt').verify(
        r.url, r.body, r.headers['messagebird-signature-jwt'], createSecretKey(Buffer.from(r.secret)),
      ),
    ),
  },

  '@vonage/jwt': {
    verify: (r) => require('@vonage/jwt').verifySignature(r.headers.authorization.replace('Bearer ', ''), r.secret),
    sign: (r) => ({
      headers: {
        authorization:
          'Bearer ' +
          require('jsonwebtoken').sign(
            { iat: seconds(r), jti: r.options.id, iss: 'Vonage', payload_hash: r.options.body_sha256, api_key: 'abcdef12' },
            r.secret,
          ),
      },
    }),
  },

  nexmo: {
    verify: (r) => {
      const parameters = { ...querystring.parse(r.text) };
      return require('nexmo').generateSignature(r.options.method, r.secret, parameters) === parameters.sig.toLowerCase();
    },
    sign: (r) => {
      const parameters = { ...querystring.parse(r.text), timestamp: String(seconds(r)) };
      parameters.sig = require('nexmo').generateSignature(r.options.method, r.secret, parameters);
      return { body: querystring.stringify(parameters) };
    },
  },

  '@sinch/sdk-core webhook': {
    verify: (r) => require('@sinch/sdk-core').validateWebhookSignature(r.secret, r.headers, r.text),
    sign: (r) => {
      const { computeSignedData, calculateWebhookSignature } = require('@sinch/sdk-core');
      const timestamp = String(seconds(r));
      return {
        headers: {
          'x-sinch-webhook-signature-nonce': r.options.id,
          'x-sinch-webhook-signature-timestamp': timestamp,
          'x-sinch-webhook-signature': calculateWebhookSignature(computeSignedData(r.text, r.options.id, timestamp), r.secret),
        },
      };
    },
  },
  '@sinch/sdk-core application': {
    verify: (r) =>
      require('@sinch/sdk-core').validateAuthenticationHeader(
        r.options.key_id, r.secret, r.headers, r.text, path(r), r.method,
      ),
    sign: (r) => {
      const timestamp = new Date(r.now).toISOString();
      return {
        headers: {
          'x-timestamp': timestamp,
          authorization: require('@sinch/sdk-core').generateAuthorizationHeader(
            r.method, r.text, r.headers['content-type'], 'x-timestamp:' + timestamp, path(r), r.options.key_id, r.secret,
          ),
        },
      };
    },
  },
  '@sinch/sdk-core numbers': {
    verify: (r) => require('@sinch/sdk-core').validateSignatureHeader(r.secret, r.headers, r.body),
  },

  telnyx: {
    verify: accepts((r) => new (require('telnyx/lib/webhooks').TelnyxWebhook)(r.secret).verify(r.text, r.headers)),
  },

  '@line/bot-sdk': {
    verify: (r) => require('@line/bot-sdk').validateSignature(r.body, r.secret, r.headers['x-line-signature']),
  },

  '@slack/bolt': {
    verify: (r) =>
      require('@slack/bolt/dist/receivers/verify-request').isValidSlackRequest({
        signingSecret: r.secret, body: r.text, headers: r.headers,
      }),
  },

  'discord-interactions': {
    verify: (r) =>
      require('discord-interactions').verifyKey(
        r.body, r.headers['x-signature-ed25519'], r.headers['x-signature-timestamp'], r.secret,
      ),
  },

  '@sendgrid/eventwebhook': {
    verify: (r) => {
      const webhook = new (require('@sendgrid/eventwebhook').EventWebhook)();
      return webhook.verifySignature(
        webhook.convertPublicKeyToECDSA(r.secret), r.body, r.headers['x-twilio-email-event-webhook-signature'],
        r.headers['x-twilio-email-event-webhook-timestamp'],
      );
    },
  },

  '@adyen/api-library': {
    verify: (r) => adyenItems(r).every((item) => adyen().validateHMAC(item, r.secret)),
    sign: (r) => {
      const batch = JSON.parse(r.text);
      for (const { NotificationRequestItem: item } of batch.notificationItems) {
        item.additionalData = { hmacSignature: adyen().calculateHmac(item, r.secret) };
      }
      return { body: JSON.stringify(batch) };
    },
  },
  '@adyen/api-library header': {
    verify: (r) => adyen().validateHMACSignature(r.secret, r.headers.hmacsignature, r.body),
    sign: (r) => ({ headers: { hmacsignature: adyen().calculateHmac(r.text, r.secret) } }),
  },

  '@paddle/paddle-node-sdk': {
    verify: (r) => {
      const { Paddle } = require('@paddle/paddle-node-sdk');
      return new Paddle('key').webhooks.isSignatureValid(r.text, r.secret, r.headers['paddle-signature']);
    },
  },

  square: {
    verify: (r) =>
      require('square').WebhooksHelper.verifySignature({
        requestBody: r.text, signatureHeader: r.headers['x-square-hmacsha256-signature'], signatureKey: r.secret,
        notificationUrl: r.url,
      }),
  },

  '@shopify/shopify-api': {
    verify: async (r) => {
      require('@shopify/shopify-api/adapters/node');
      const { shopifyApi, ApiVersion, LogSeverity } = require('@shopify/shopify-api');
      const shopify = shopifyApi({
        apiKey: 'key', apiSecretKey: r.secret, hostName: 'example.com', isEmbeddedApp: true, scopes: ['read_products'],
        apiVersion: Object.values(ApiVersion)[0], logger: { level: LogSeverity.Error },
      });
      // It also requires these, which say what the event is about.
      const headers = {
        'x-shopify-topic': 'orders/create', 'x-shopify-shop-domain': 'example.myshopify.com',
        'x-shopify-api-version': '2026-01', 'x-shopify-webhook-id': 'id', ...r.headers,
      };
      const { valid } = await shopify.webhooks.validate({ rawBody: r.text, rawRequest: { headers, url: r.url, method: r.method } });
      return valid;
    },
  },

  razorpay: {
    verify: (r) => require('razorpay').validateWebhookSignature(r.body, r.headers['x-razorpay-signature'], r.secret),
  },

  'gocardless-nodejs': {
    verify: accepts((r) =>
      require('gocardless-nodejs/webhooks').verifySignature(r.body, r.secret, r.headers['webhook-signature']),
    ),
  },

  'coinbase-commerce-node': {
    verify: (r) =>
      require('coinbase-commerce-node').Webhook.verifySigHeader(r.body, r.headers['x-cc-webhook-signature'], r.secret),
    sign: (r) => ({
      headers: { 'x-cc-webhook-signature': require('coinbase-commerce-node').Webhook.computeSignature(r.body, r.secret) },
    }),
  },

  pusher: {
    verify: (r) => {
      const pusher = new (require('pusher'))({ appId: '1', key: 'key', secret: r.secret, cluster: 'eu' });
      return pusher.webhook({ headers: { ...r.headers, 'x-pusher-key': 'key' }, rawBody: r.text }).isValid();
    },
  },

  '@linear/sdk': {
    verify: async (r) =>
      new (await import('@linear/sdk/webhooks')).LinearWebhookClient(r.secret).verify(r.body, r.headers['linear-signature']),
  },

  'webflow-api': {
    verify: (r) =>
      new (require('webflow-api').WebflowClient)({ accessToken: 'token' }).webhooks.verifySignature({
        headers: r.headers, body: r.text, secret: r.secret,
      }),
  },

  'hubspot v1': hubspot('v1', 'x-hubspot-signature'),
  'hubspot v2': hubspot('v2', 'x-hubspot-signature'),
  'hubspot v3': hubspot('v3', 'x-hubspot-signature-v3'),

  'sns-validator': {
    verify: (r) =>
      new Promise((resolve, reject) => {
        stubCertificate(r);
        new (require('sns-validator'))().validate(r.text, (error) => (error ? reject(error) : resolve(true)));
      }),
  },
};
