'use strict';
// A plain CSMS on ocpp-rpc in strict mode: every frame of either direction is held against the schemas of another author.
// Talks JSON lines: events on stdout, commands on stdin ({"id", "station", "call", "params"} or {"quit": true}).

const readline = require('readline');
const { RPCServer, createRPCError } = require('ocpp-rpc');

const VERSIONS = (process.argv[2] || 'ocpp2.0.1,ocpp1.6').split(',');
const stations = new Map();
const registered = new Set();
const open = new Map(); // transaction id -> { station, seqNo }
let nextTransactionId = 1;

function tell(event) {
    process.stdout.write(JSON.stringify(event) + '\n');
}

function violation(client, what, detail) {
    tell({ event: 'violation', station: client.identity, what, detail });
}

const now = () => new Date().toISOString();
const accepted = { status: 'Accepted' };

const ANSWERS = {
    'ocpp1.6': {
        Authorize: () => ({ idTagInfo: accepted }),
        DataTransfer: () => ({ status: 'UnknownVendorId' }),
        StartTransaction: (client, params) => startTransaction(client, params),
        StopTransaction: (client, params) => stopTransaction(client, params),
        MeterValues: (client, params) => meterValues(client, params),
        StatusNotification: () => ({}),
    },
    'ocpp2.0.1': {
        Authorize: () => ({ idTokenInfo: accepted }),
        DataTransfer: () => ({ status: 'UnknownVendorId' }),
        TransactionEvent: (client, params) => transactionEvent(client, params),
        StatusNotification: () => ({}),
        MeterValues: () => ({}),
        NotifyReport: () => ({}),
        NotifyEvent: () => ({}),
        SecurityEventNotification: () => ({}),
    },
};

function startTransaction(client, params) {
    for (const known of open.values()) {
        if (known.station === client.identity && known.connector === params.connectorId) {
            violation(client, 'order', `StartTransaction on busy connector ${params.connectorId}`);
        }
    }
    const id = nextTransactionId++;
    open.set(id, { station: client.identity, connector: params.connectorId, meter: params.meterStart });
    return { transactionId: id, idTagInfo: accepted };
}

function stopTransaction(client, params) {
    const known = open.get(params.transactionId);
    if (!known) {
        violation(client, 'order', `StopTransaction for unknown transaction ${params.transactionId}`);
    } else if (params.meterStop < known.meter) {
        violation(client, 'meter', `meterStop ${params.meterStop} below meterStart ${known.meter}`);
    }
    open.delete(params.transactionId);
    return 'idTag' in params ? { idTagInfo: accepted } : {};
}

function meterValues(client, params) {
    if ('transactionId' in params && !open.has(params.transactionId)) {
        violation(client, 'order', `MeterValues for unknown transaction ${params.transactionId}`);
    }
    return {};
}

function transactionEvent(client, params) {
    const id = params.transactionInfo.transactionId;
    const known = open.get(id);
    const expected = known ? known.seqNo + 1 : 0;
    if ((params.eventType === 'Started') === Boolean(known)) {
        violation(client, 'order', `${params.eventType} of ${known ? 'a running' : 'an unknown'} transaction ${id}`);
    } else if (params.seqNo !== expected) {
        violation(client, 'order', `seqNo ${params.seqNo} of ${id} where ${expected} was due`);
    }
    if (params.eventType === 'Ended') {
        open.delete(id);
    } else {
        open.set(id, { station: client.identity, seqNo: params.seqNo });
    }
    return 'idToken' in params ? { idTokenInfo: accepted } : {};
}

function answer(client, method, params) {
    if (method === 'BootNotification') {
        registered.add(client.identity);
        return { status: 'Accepted', currentTime: now(), interval: 300 };
    }
    if (!registered.has(client.identity)) {
        violation(client, 'order', `${method} before BootNotification`);
        throw createRPCError('SecurityError', 'send a BootNotification first');
    }
    if (method === 'Heartbeat') {
        return { currentTime: now() };
    }
    const answers = ANSWERS[client.protocol];
    if (!(method in answers)) {
        violation(client, 'action', `${method} is not expected`);
        throw createRPCError('NotImplemented', method);
    }
    return answers[method](client, params);
}

function welcome(client) {
    stations.set(client.identity, client);
    tell({ event: 'connected', station: client.identity, protocol: client.protocol });
    client.handle(({ method, params }) => {
        tell({ event: 'call', station: client.identity, method, params });
        return answer(client, method, params);
    });
    client.on('strictValidationFailure', ({ method, outbound, isCall, error }) => {
        const what = outbound ? 'own schema' : 'schema';
        violation(client, what, `${method} ${isCall ? 'request' : 'response'}: ${error.message} ${JSON.stringify(error.details ?? {})}`);
    });
    client.on('badMessage', ({ buffer, error }) => violation(client, 'frame', `${error.message}: ${String(buffer).slice(0, 200)}`));
    client.once('close', ({ code, reason }) => {
        if (stations.get(client.identity) === client) stations.delete(client.identity);
        tell({ event: 'closed', station: client.identity, code, reason: String(reason) });
    });
}

async function command({ id, station, call, params }) {
    const client = stations.get(station);
    if (!client) {
        return tell({ event: 'reply', id, error: 'NotConnected' });
    }
    try {
        tell({ event: 'reply', id, result: await client.call(call, params) });
    } catch (error) {
        tell({ event: 'reply', id, error: error.rpcErrorCode || error.message });
    }
}

async function main() {
    const server = new RPCServer({ protocols: VERSIONS, strictMode: true, pingIntervalMs: 0 });
    server.auth((accept, reject, handshake) => {
        accept({}, [...handshake.protocols].find((name) => VERSIONS.includes(name)));
    });
    server.on('client', welcome);
    const http = await server.listen(0, '127.0.0.1');
    tell({ event: 'listening', port: http.address().port });
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const request = JSON.parse(line);
        if (request.quit) break;
        void command(request);
    }
    await server.close({ code: 1001, reason: 'done', force: true });
    process.exit(0);
}

main();
