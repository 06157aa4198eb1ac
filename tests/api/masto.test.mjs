// What people do, through masto.js, a client that others wrote (npm: masto).
import assert from 'node:assert/strict';
import { File } from 'node:buffer';
import { after, before, test } from 'node:test';
import { createRestAPIClient } from 'masto';
import { startWithCast } from '../support/cast.mjs';
import { acrossServers, eventually } from '../support/eventually.mjs';
import { makePng, pictureSize } from '../support/picture.mjs';
import { assertReplies } from '../support/replies.mjs';

let people;
let alice;
let bob;
let charlie;
let anyone;

const client = (person) => createRestAPIClient({ url: people.server.url, accessToken: person?.token });
const ids = (list) => list.map((item) => item.id);
const rejectsWith = (status, promise) =>
  assert.rejects(promise, (error) => assert.equal(error.statusCode, status, error.message) ?? true);

before(async () => {
  people = await startWithCast();
  [alice, bob, charlie] = ['alice', 'bob', 'charlie'].map((name) =>
    client(people[name]));
  anyone = client();
});
after(async () => {
  assert.equal(await people.server.stop(), 0, 'SIGTERM ends the server in order');
  await people.server.close();
  assertReplies();
});

const post = (who, status, more = {}) => who.v1.statuses.create({ status, ...more });
const account = (name) => alice.v1.accounts.$select(people[name].id);

test('the instance describes itself to old and new clients', async () => {
  const v2 = await anyone.v2.instance.fetch();
  const v1 = await anyone.v1.instance.fetch();
  assert.match(v2.version, /^4\.\d+\.\d+/);
  assert.equal(v1.version, v2.version);
  assert.equal(v2.configuration.statuses.maxCharacters, 500);
  assert.equal(v1.configuration.statuses.maxCharacters, 500);
  assert.equal(v2.configuration.accounts.maxProfileFields, 4);
  assert.ok(v2.configuration.urls.streaming);
  assert.equal(v1.stats.userCount, 3);
});

test('a post has all the fields it was given', async () => {
  const made = await post(alice, 'Hello @bob, see https://example.org/some/long/path/that/goes/on and #GoodNews', {
    spoilerText: 'news', language: 'en', visibility: 'unlisted',
  });
  assert.equal(made.account.username, 'alice');
  assert.equal(made.visibility, 'unlisted');
  assert.equal(made.spoilerText, 'news');
  assert.equal(made.sensitive, true, 'a spoiler makes it sensitive');
  assert.equal(made.language, 'en');
  assert.deepEqual(made.mentions.map((m) => m.acct), ['bob']);
  assert.deepEqual(made.tags.map((t) => t.name), ['goodnews']);
  assert.match(made.content, /^<p>.*<\/p>$/);
  assert.match(made.content, /class="h-card"/);
  assert.match(made.content, /class="mention hashtag" rel="tag"/);
  assert.match(made.content, /rel="nofollow noopener"/);
  assert.equal(made.application?.name, 'Tests');
  assert.equal(new URL(made.url).origin, people.server.url);
  assert.ok(Math.abs(Date.parse(made.createdAt) - Date.now()) < 60_000);
  assert.deepEqual(await bob.v1.statuses.$select(made.id).fetch().then((s) => s.content), made.content);
});

test('a text of hostile HTML is shown as text', async () => {
  const made = await post(alice, '<script>alert(1)</script> & "quotes" \'n\' <b>bold</b>\nline\n\nparagraph');
  assert.equal(made.content, '<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quotes&quot; &#39;n&#39; '
    + '&lt;b&gt;bold&lt;/b&gt;<br />line</p><p>paragraph</p>');
});

test('an Idempotency-Key posts once, whoever else uses the same key', async () => {
  const meta = { requestInit: { headers: { 'Idempotency-Key': 'the-same' } } };
  const [one, two] = await Promise.all([
    alice.v1.statuses.create({ status: 'once' }, meta),
    alice.v1.statuses.create({ status: 'once' }, meta),
  ]);
  assert.equal(one.id, two.id);
  const other = await bob.v1.statuses.create({ status: 'mine' }, meta);
  assert.notEqual(other.id, one.id);
});

test('what cannot be posted is refused', async () => {
  await rejectsWith(422, post(alice, ''));
  await rejectsWith(422, post(alice, '   \n '));
  await rejectsWith(422, post(alice, 'x'.repeat(501)));
  await rejectsWith(404, post(alice, 'a reply', { inReplyToId: '123456789' }));
  await rejectsWith(401, post(anyone, 'nobody'));
  const long = await post(alice, '\u{1f469}\u200d\u{1f469}\u200d\u{1f467}'.repeat(500));
  assert.ok(long.id, '500 graphemes of many code points');
  const links = await post(alice, `https://example.org/${'a'.repeat(900)} ${'x'.repeat(476)}`);
  assert.ok(links.id, 'a link counts 23');
});

test('following brings posts home, also those of before', async () => {
  const early = await post(bob, 'before the follow');
  const relationship = await account('bob').follow();
  assert.equal(relationship.following, true);
  assert.equal(relationship.showingReblogs, true);
  await eventually(async () => {
    assert.ok(ids(await alice.v1.timelines.home.list()).includes(early.id));
  });
  const late = await post(bob, 'after the follow');
  await eventually(async () => {
    assert.equal((await alice.v1.timelines.home.list({ limit: 1 }))[0].id, late.id);
  });
  const [bobs] = await alice.v1.accounts.relationships.fetch({ id: [people.bob.id] });
  assert.equal(bobs.following, true);
  const seen = await bob.v1.accounts.$select(people.bob.id).followers.list();
  assert.deepEqual(ids(seen), [people.alice.id]);
  assert.deepEqual(ids(await alice.v1.accounts.$select(people.alice.id).following.list()), [people.bob.id]);
  assert.equal((await anyone.v1.accounts.$select(people.bob.id).fetch()).followersCount, 1);
});

test('the terms of a follow change when it is repeated', async () => {
  const changed = await account('bob').follow({ reblogs: false, notify: true, languages: ['de'] });
  assert.equal(changed.showingReblogs, false);
  assert.equal(changed.notifying, true);
  assert.deepEqual(changed.languages, ['de']);
  const back = await account('bob').follow({ reblogs: true, notify: false, languages: [] });
  assert.equal(back.showingReblogs, true);
  assert.equal(back.notifying, false);
});

test('replies make a thread, and only those between people one follows come home', async () => {
  const root = await post(bob, 'root');
  const reply = await post(alice, 'reply', { inReplyToId: root.id });
  const deep = await post(bob, 'deeper', { inReplyToId: reply.id });
  const aside = await post(bob, 'aside, to a stranger',
    { inReplyToId: (await post(charlie, 'stranger')).id });
  assert.equal(reply.inReplyToId, root.id);
  assert.equal(reply.inReplyToAccountId, people.bob.id);
  const context = await anyone.v1.statuses.$select(reply.id).context.fetch();
  assert.deepEqual(ids(context.ancestors), [root.id]);
  assert.deepEqual(ids(context.descendants), [deep.id]);
  assert.equal((await anyone.v1.statuses.$select(root.id).fetch()).repliesCount, 1);
  await eventually(async () => {
    const home = ids(await alice.v1.timelines.home.list());
    assert.ok(home.includes(deep.id) && home.includes(root.id));
    assert.ok(!home.includes(aside.id));
  });
});

test('favourites count, are listed, and can be taken back', async () => {
  const made = await post(bob, 'nice');
  const status = alice.v1.statuses.$select(made.id);
  const liked = await status.favourite();
  assert.equal(liked.favourited, true);
  assert.equal(liked.favouritesCount, 1);
  assert.equal((await status.favourite()).favouritesCount, 1, 'twice is once');
  assert.deepEqual(ids(await status.favouritedBy.list()), [people.alice.id]);
  assert.ok(ids(await alice.v1.favourites.list()).includes(made.id));
  const undone = await status.unfavourite();
  assert.equal(undone.favourited, false);
  assert.equal(undone.favouritesCount, 0);
  assert.deepEqual(await status.favouritedBy.list(), []);
});

test('a boost carries the original home, once, and its undo takes it away', async () => {
  const made = await post(charlie, 'worth a boost');
  const boost = await bob.v1.statuses.$select(made.id).reblog();
  assert.equal(boost.reblog.id, made.id);
  assert.equal(boost.reblog.reblogsCount, 1);
  assert.equal(boost.reblog.reblogged, true);
  await eventually(async () => {
    const top = (await alice.v1.timelines.home.list({ limit: 1 }))[0];
    assert.equal(top.id, boost.id);
    assert.equal(top.reblog.id, made.id);
  });
  assert.equal((await bob.v1.statuses.$select(made.id).reblog()).id, boost.id, 'twice is once');
  assert.deepEqual(ids(await anyone.v1.statuses.$select(made.id).rebloggedBy.list()), [people.bob.id]);
  const undone = await bob.v1.statuses.$select(made.id).unreblog();
  assert.equal(undone.id, made.id);
  assert.equal(undone.reblogsCount, 0);
  assert.equal(undone.reblogged, false);
  await eventually(async () => {
    assert.ok(!ids(await alice.v1.timelines.home.list()).includes(boost.id));
  });
  await rejectsWith(404, anyone.v1.statuses.$select(boost.id).fetch());
});

test('a boost may be quieter than the post, and never louder', async () => {
  const made = await post(charlie, 'public');
  const boost = await bob.v1.statuses.$select(made.id).reblog({ visibility: 'private' });
  assert.equal(boost.visibility, 'private');
  const own = await post(charlie, 'for followers', { visibility: 'private' });
  assert.equal((await charlie.v1.statuses.$select(own.id).reblog()).visibility, 'private');
  const secret = await post(charlie, '@bob secret', { visibility: 'direct' });
  await assert.rejects(bob.v1.statuses.$select(secret.id).reblog(), (error) =>
    [403, 404, 422].includes(error.statusCode));
});

test('who may see a post depends on its visibility', async () => {
  const see = async (who, made) => {
    try {
      return (await who.v1.statuses.$select(made.id).fetch()).id === made.id;
    } catch (error) {
      assert.equal(error.statusCode, 404);
      return false;
    }
  };
  const cases = {
    public: [true, true, true], unlisted: [true, true, true],
    private: [true, false, false],  // alice follows bob
    direct: [false, true, false],   // charlie is mentioned
  };
  for (const [visibility, expected] of Object.entries(cases)) {
    const made = await post(bob, visibility === 'direct' ? '@charlie psst' : `a ${visibility} one`, { visibility });
    assert.deepEqual([await see(alice, made), await see(charlie, made), await see(anyone, made)],
      expected, visibility);
    const listed = ids(await anyone.v1.timelines.public.list({ limit: 40 })).includes(made.id);
    assert.equal(listed, visibility === 'public');
  }
});

test('deleting returns the text for redrafting, and the post is gone everywhere', async () => {
  const made = await post(bob, 'to be @alice deleted');
  const boost = await charlie.v1.statuses.$select(made.id).reblog();
  await eventually(async () => assert.ok(ids(await alice.v1.timelines.home.list()).includes(made.id)));
  await rejectsWith(404, charlie.v1.statuses.$select(made.id).remove());
  const removed = await bob.v1.statuses.$select(made.id).remove();
  assert.equal(removed.text, 'to be @alice deleted');
  await acrossServers(() => rejectsWith(404, bob.v1.statuses.$select(made.id).fetch()));
  await eventually(async () => {
    assert.ok(!ids(await alice.v1.timelines.home.list()).includes(made.id));
    await rejectsWith(404, charlie.v1.statuses.$select(boost.id).fetch());
    assert.ok(!(await alice.v1.notifications.list()).some((n) => n.status?.id === made.id));
  });
});

test('home pages forth by next and back by prev, without gap or repetition', async () => {
  const made = [];
  for (let i = 0; i < 25; i += 1) made.unshift((await post(bob, `page ${i}`)).id);
  await eventually(async () => assert.equal((await alice.v1.timelines.home.list())[0].id, made[0]));
  const seen = [];
  for await (const page of alice.v1.timelines.home.list({ limit: 10 })) {
    assert.ok(page.length <= 10);
    seen.push(...ids(page));
    if (seen.length >= 25) break;
  }
  assert.deepEqual(seen.slice(0, 25), made);
  const back = [];
  for await (const page of alice.v1.timelines.home.list({ limit: 10, minId: made[24] }).setDirection('prev')) {
    if (page.length === 0) break;
    back.unshift(...ids(page));
  }
  assert.deepEqual(back, made.slice(0, 24));
  assert.deepEqual(ids(await alice.v1.timelines.home.list({ sinceId: made[3] })), made.slice(0, 3));
  assert.deepEqual(ids(await alice.v1.timelines.home.list({ maxId: made[3], limit: 2 })), made.slice(4, 6));
  assert.deepEqual(ids(await alice.v1.timelines.home.list({ minId: made[5], limit: 2 })), made.slice(3, 5));
});

test('an account lists its posts by the flags one asks for', async () => {
  const mine = charlie.v1.accounts.$select(people.charlie.id).statuses;
  const plain = await post(charlie, 'plain');
  const tagged = await post(charlie, 'a #Special one');
  const reply = await post(charlie, 'a reply', { inReplyToId: (await post(bob, 'ask')).id });
  const self = await post(charlie, 'more of it', { inReplyToId: plain.id });
  const boost = await charlie.v1.statuses.$select((await post(bob, 'boost me')).id).reblog();
  const direct = await post(charlie, '@bob hi', { visibility: 'direct' });
  const all = ids(await mine.list({ limit: 40 }));
  assert.deepEqual(all.slice(0, 6), [direct.id, boost.id, self.id, reply.id, tagged.id, plain.id]);
  const without = async (flags) => ids(await mine.list({ limit: 40, ...flags }));
  assert.ok(!(await without({ excludeReplies: true })).includes(reply.id));
  assert.ok((await without({ excludeReplies: true })).includes(self.id), 'answers to oneself stay');
  assert.ok(!(await without({ excludeReblogs: true })).includes(boost.id));
  assert.deepEqual(await without({ tagged: 'special' }), [tagged.id]);
  assert.deepEqual(await without({ onlyMedia: true }), []);
  assert.deepEqual(await without({ pinned: true }), []);
  const strangers = ids(await anyone.v1.accounts.$select(people.charlie.id).statuses.list({ limit: 40 }));
  assert.ok(!strangers.includes(direct.id));
  assert.ok(strangers.includes(plain.id));
});

test('the public timeline shows public posts of this server without boosts and replies', async () => {
  const open = await post(charlie, 'for everybody');
  const reply = await post(charlie, 'answer', { inReplyToId: (await post(bob, 'question')).id });
  const boost = await charlie.v1.statuses.$select((await post(bob, 'again')).id).reblog();
  for (const who of [anyone, alice]) {
    for (const flags of [{}, { local: true }]) {
      const listed = ids(await who.v1.timelines.public.list({ limit: 40, ...flags }));
      assert.ok(listed.includes(open.id));
      assert.ok(!listed.includes(reply.id) && !listed.includes(boost.id));
    }
  }
  assert.deepEqual(await anyone.v1.timelines.public.list({ remote: true }), []);
  const pages = [];
  for await (const page of anyone.v1.timelines.public.list({ limit: 5 })) {
    if (page.length === 0) break;
    pages.push(...ids(page));
  }
  assert.equal(new Set(pages).size, pages.length);
  assert.deepEqual(pages, [...pages].sort((a, b) => (BigInt(a) < BigInt(b) ? 1 : -1)));
});

test('mention, reply, favourite, boost and follow notify, and can be filtered, dismissed and cleared', async () => {
  await charlie.v1.notifications.clear();
  const made = await post(charlie, 'notify me');
  await post(bob, 'hey @charlie');
  await bob.v1.statuses.$select(made.id).favourite();
  await alice.v1.statuses.$select(made.id).reblog();
  await bob.v1.accounts.$select(people.charlie.id).follow();
  const types = async (filter) => (await charlie.v1.notifications.list(filter)).map((n) => n.type).sort();
  await eventually(async () =>
    assert.deepEqual(await types(), ['favourite', 'follow', 'mention', 'reblog']));
  const list = await charlie.v1.notifications.list();
  const reblog = list.find((n) => n.type === 'reblog');
  assert.equal(reblog.status.id, made.id);
  assert.equal(reblog.account.id, people.alice.id);
  assert.deepEqual(await types({ types: ['mention', 'follow'] }), ['follow', 'mention']);
  assert.deepEqual(await types({ excludeTypes: ['mention', 'follow'] }), ['favourite', 'reblog']);
  assert.deepEqual(await types({ accountId: people.alice.id }), ['reblog']);
  assert.equal((await charlie.v1.notifications.$select(reblog.id).fetch()).id, reblog.id);
  await rejectsWith(404, alice.v1.notifications.$select(reblog.id).fetch());
  const one = await charlie.v1.notifications.list({ limit: 1 });
  assert.equal(one.length, 1);
  await charlie.v1.notifications.$select(reblog.id).dismiss();
  assert.deepEqual(await types(), ['favourite', 'follow', 'mention']);
  await charlie.v1.notifications.clear();
  assert.deepEqual(await types(), []);
});

test('a locked account is asked, and accepts or refuses', async () => {
  const locked = await charlie.v1.accounts.updateCredentials({ locked: true });
  assert.equal(locked.locked, true);
  const asked = await account('charlie').follow();
  assert.deepEqual([asked.following, asked.requested], [false, true]);
  await eventually(async () => assert.deepEqual(ids(await charlie.v1.followRequests.list()), [people.alice.id]));
  await eventually(async () => assert.ok(
    (await charlie.v1.notifications.list()).some((n) => n.type === 'follow_request')));
  const refused = await charlie.v1.followRequests.$select(people.alice.id).reject();
  assert.equal(refused.followedBy, false);
  await account('charlie').follow();
  const accepted = await charlie.v1.followRequests.$select(people.alice.id).authorize();
  assert.equal(accepted.followedBy, true);
  assert.deepEqual(await charlie.v1.followRequests.list(), []);
  const secret = await post(charlie, 'for my followers');
  assert.equal(secret.visibility, 'private', 'the default of a locked account');
  await eventually(async () => assert.ok(ids(await alice.v1.timelines.home.list()).includes(secret.id)));
  await rejectsWith(404, anyone.v1.statuses.$select(secret.id).fetch());
  const removed = await charlie.v1.accounts.$select(people.alice.id).removeFromFollowers();
  assert.equal(removed.followedBy, false);
  await account('charlie').follow();
  await charlie.v1.accounts.updateCredentials({ locked: false });
  await eventually(async () => {
    const [now] = await alice.v1.accounts.relationships.fetch({ id: [people.charlie.id] });
    assert.equal(now.following, true, 'unlocking accepts who waits');
  });
});

test('muting hides somebody for a while', async () => {
  const muted = await account('charlie').mute({ duration: 3600, notifications: true });
  assert.deepEqual([muted.muting, muted.mutingNotifications], [true, true]);
  const list = await alice.v1.mutes.list();
  assert.deepEqual(ids(list), [people.charlie.id]);
  assert.ok(Math.abs(Date.parse(list[0].muteExpiresAt) - Date.now() - 3_600_000) < 60_000);
  const made = await post(charlie, 'does @alice hear me?', { visibility: 'public' });
  const marker = await post(bob, 'after that');
  await eventually(async () => assert.ok(ids(await alice.v1.timelines.home.list()).includes(marker.id)));
  assert.ok(!ids(await alice.v1.timelines.home.list()).includes(made.id));
  assert.ok(!ids(await alice.v1.timelines.public.list()).includes(made.id));
  assert.equal((await account('charlie').unmute()).muting, false);
  await eventually(async () => assert.ok(ids(await alice.v1.timelines.home.list()).includes(made.id)));
  assert.ok(!(await alice.v1.notifications.list()).some((n) => n.status?.id === made.id));
});

test('blocking cuts every tie', async () => {
  const made = await post(alice, 'not for charlie');
  const blocked = await account('charlie').block();
  assert.deepEqual([blocked.blocking, blocked.following, blocked.followedBy], [true, false, false]);
  assert.deepEqual(ids(await alice.v1.blocks.list()), [people.charlie.id]);
  await acrossServers(() => rejectsWith(404, charlie.v1.statuses.$select(made.id).fetch()));
  await rejectsWith(403, charlie.v1.accounts.$select(people.alice.id).follow());
  assert.deepEqual(await charlie.v1.accounts.$select(people.alice.id).statuses.list(), []);
  const [seen] = await charlie.v1.accounts.relationships.fetch({ id: [people.alice.id] });
  assert.equal(seen.blockedBy, true);
  assert.equal((await account('charlie').unblock()).blocking, false);
  await acrossServers(async () => assert.equal((await charlie.v1.statuses.$select(made.id).fetch()).id, made.id));
});

test('unfollowing takes the posts out of home', async () => {
  const made = await post(bob, 'soon gone');
  await eventually(async () => assert.ok(ids(await alice.v1.timelines.home.list()).includes(made.id)));
  assert.equal((await account('bob').unfollow()).following, false);
  await eventually(async () => assert.ok(!ids(await alice.v1.timelines.home.list()).includes(made.id)));
  await account('bob').follow();
});

test('a profile takes names, fields and pictures', async () => {
  const picture = (w, h, colour) => new File([makePng(w, h, colour)], 'picture.png', { type: 'image/png' });
  const before = await alice.v1.accounts.verifyCredentials();
  assert.match(before.avatar, /^http/, 'everybody has a picture');
  const updated = await alice.v1.accounts.updateCredentials({
    displayName: 'Alice <3', note: 'I am #here\n@bob', bot: true, discoverable: true,
    avatar: picture(900, 600, [200, 30, 30]), header: picture(3000, 1000, [30, 30, 200]),
    fieldsAttributes: [{ name: 'web', value: 'https://example.org' }, { name: 'pronoun', value: 'she' }],
    source: { privacy: 'unlisted', language: 'de', sensitive: true },
  });
  assert.equal(updated.displayName, 'Alice <3');
  assert.match(updated.note, /class="mention hashtag"/);
  assert.equal(updated.source.note.replace('\r\n', '\n'), 'I am #here\n@bob');  // forms send CRLF
  assert.equal(updated.bot, true);
  assert.deepEqual(updated.fields.map((f) => f.name), ['web', 'pronoun']);
  assert.match(updated.fields[0].value, /rel="nofollow noopener me"/);
  assert.equal(updated.source.fields[0].value, 'https://example.org');
  assert.notEqual(updated.avatar, before.avatar);
  for (const [url, width, height] of [[updated.avatar, 400, 400], [updated.header, 1500, 500]]) {
    const reply = await fetch(url);
    assert.equal(reply.status, 200);
    assert.match(reply.headers.get('cache-control'), /immutable/);
    assert.deepEqual(pictureSize(Buffer.from(await reply.arrayBuffer())),
      [reply.headers.get('content-type'), width, height]);
  }
  const made = await post(alice, 'by my defaults');
  assert.deepEqual([made.visibility, made.language, made.sensitive], ['unlisted', 'de', true]);
  const plain = await alice.v1.accounts.updateCredentials({
    displayName: 'Alice', fieldsAttributes: [], source: { privacy: 'public', sensitive: false, language: 'en' },
  });
  assert.equal(plain.avatar, updated.avatar, 'what is not given stays');
  await rejectsWith(422, alice.v1.accounts.updateCredentials({ displayName: 'x'.repeat(41) }));
  await rejectsWith(422, alice.v1.accounts.updateCredentials({
    avatar: new File(['no picture at all'], 'picture.png', { type: 'image/png' }),
  }));
});

test('accounts are found by handle and by several ids', async () => {
  const found = await anyone.v1.accounts.lookup({ acct: 'alice' });
  assert.equal(found.id, people.alice.id);
  assert.equal((await anyone.v1.accounts.lookup({ acct: 'ALICE' })).id, people.alice.id);
  const host = new URL(people.server.url).host;
  assert.equal((await anyone.v1.accounts.lookup({ acct: `@alice@${host}` })).id, people.alice.id);
  await rejectsWith(404, anyone.v1.accounts.lookup({ acct: 'nobody' }));
  const two = await alice.v1.accounts.relationships.fetch({ id: [people.bob.id, people.charlie.id, '999'] });
  assert.deepEqual(ids(two), [people.bob.id, people.charlie.id]);
});

test('search finds what is named exactly: a handle, the address of a profile or of a post', async () => {
  const host = new URL(people.server.url).host;
  const search = (q, more = {}) => alice.v2.search.list({ q, resolve: true, ...more });
  for (const q of ['bob', '@BOB', `bob@${host}`, ` @bob@${host} `, `${people.server.url}/@bob`, `${people.server.url}/users/bob`]) {
    assert.deepEqual(ids((await search(q)).accounts), [people.bob.id], q);
  }
  const made = await post(bob, 'look here');
  const hidden = await post(bob, '@charlie not here', { visibility: 'direct' });
  for (const q of [made.url, made.uri]) assert.deepEqual(ids((await search(q)).statuses), [made.id], q);
  assert.deepEqual((await search(hidden.url)).statuses, []);
  for (const q of ['nobody', 'bob bob', 'https://elsewhere.example/@bob', people.server.url, `${people.server.url}/@`, '@', '/']) {
    const found = await search(q);
    assert.deepEqual([...found.accounts, ...found.statuses], [], q);
  }
  assert.deepEqual((await search('bob', { type: 'statuses' })).accounts, []);
  assert.deepEqual((await search('bob', { type: 'accounts', offset: 1 })).accounts, []);
  await rejectsWith(400, Promise.resolve(search('')));
  await rejectsWith(401, Promise.resolve(anyone.v2.search.list({ q: 'bob', resolve: true })));
  assert.equal((await anyone.v2.search.list({ q: 'bob' })).accounts.length, 1);
});

test('a sign-up by the app gives an account that works as the settings say', async () => {
  const { appToken } = await import('../support/sign_in.mjs');
  const app = createRestAPIClient({ url: people.server.url, accessToken: await appToken(people.server.url) });
  const person = { username: 'dora', email: 'dora@example.org', password: 'long enough a password', agreement: true, locale: 'en' };
  const taken = { ...person, username: 'alice' };
  await assert.rejects(app.v1.accounts.create(taken), (error) => {
    assert.equal(error.statusCode, 422);
    assert.equal(error.details.username[0].error, 'ERR_TAKEN');
    return true;
  });
  for (const [field, value, code] of [
    ['username', 'no good', 'ERR_INVALID'], ['email', 'none', 'ERR_INVALID'],
    ['password', 'short', 'ERR_TOO_SHORT'], ['agreement', false, 'ERR_ACCEPTED'],
  ]) {
    await assert.rejects(app.v1.accounts.create({ ...person, [field]: value }), (error) => {
      assert.equal(error.statusCode, 422, field);
      assert.equal(error.details[field][0].error, code);
      return true;
    });
  }
});
