// The receiver that one would make with koa, wechat-crypto, xml2js and better-sqlite3: two workers, one durable row for
// each scan. Set by the environment.
'use strict';

const cluster = require('cluster');
const Koa = require('koa');
const Database = require('better-sqlite3');
const getRawBody = require('raw-body');
const WXBizMsgCrypt = require('wechat-crypto');
const xml2js = require('xml2js');

const WORKERS = 2;
const { PEER_TOKEN, PEER_KEY, PEER_APP_ID, PEER_DATABASE, PEER_PORT } = process.env;

function serve() {
  const crypt = new WXBizMsgCrypt(PEER_TOKEN, PEER_KEY, PEER_APP_ID);
  const database = new Database(PEER_DATABASE, { timeout: 30000 });
  database.pragma('journal_mode=WAL');
  database.pragma('synchronous=FULL');
  const look = database.prepare('SELECT status FROM codes WHERE standard = ? AND product = ? AND code = ?');
  const add = database.prepare(
    'INSERT INTO scans (openid, at, standard, product, code, result) VALUES (?, ?, ?, ?, ?, ?)');
  const read = async (xml) => (await xml2js.parseStringPromise(xml, { trim: true, explicitArray: false })).xml;
  const app = new Koa();
  app.use(async (ctx) => {
    const asked = ctx.query;
    const outer = await read(await getRawBody(ctx.req, { length: ctx.length, limit: '1mb', encoding: 'utf8' }));
    if (crypt.getSignature(asked.timestamp, asked.nonce, outer.Encrypt) !== asked.msg_signature) {
      ctx.status = 403;
      return;
    }
    const said = await read(crypt.decrypt(outer.Encrypt).message);
    const code = [said.KeyStandard, said.KeyStr, said.ExtInfo];
    const row = look.get(...code);
    const result = !row ? 'fake' : row.status === 'active' ? 'real' : 'not_active';
    add.run(said.FromUserName, said.CreateTime, ...code, result);
    const sealed = crypt.encrypt(
      `<xml><ToUserName><![CDATA[${said.FromUserName}]]></ToUserName>` +
      `<FromUserName><![CDATA[${said.ToUserName}]]></FromUserName>` +
      `<CreateTime>${Math.floor(Date.now() / 1000)}</CreateTime><MsgType><![CDATA[scanproduct]]></MsgType>` +
      `<ScanProduct><KeyStandard><![CDATA[${code[0]}]]></KeyStandard><KeyStr><![CDATA[${code[1]}]]></KeyStr>` +
      `<ExtInfo><![CDATA[${code[2]}]]></ExtInfo>` +
      `<AntiFake><CodeResult><![CDATA[${result}]]></CodeResult></AntiFake></ScanProduct></xml>`);
    const signature = crypt.getSignature(asked.timestamp, asked.nonce, sealed);
    ctx.type = 'xml';
    ctx.body =
      `<xml><Encrypt><![CDATA[${sealed}]]></Encrypt><MsgSignature><![CDATA[${signature}]]></MsgSignature>` +
      `<TimeStamp>${asked.timestamp}</TimeStamp><Nonce><![CDATA[${asked.nonce}]]></Nonce></xml>`;
  });
  app.listen(Number(PEER_PORT), '127.0.0.1');
}

if (cluster.isPrimary) {
  for (let started = 0; started < WORKERS; started++) cluster.fork();
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.kill();
    process.exit(0);
  });
} else {
  serve();
}
