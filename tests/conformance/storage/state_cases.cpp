// tenon.state/1, three ways.
#include <atomic>

#include "ways.hpp"

using namespace tenon::test;
using Heard = std::vector<std::string>;

CONFORMS("state: is what is committed, as soon as that was acknowledged") {
  Space s(way, "puppet");
  Mirror m(way, "puppet");
  REQUIRE(m.opened.str() == "OK");
  CHECK(m.get("a") == "<NOT_FOUND>");
  const Answer put = s.put("a", "one", "text/plain");
  tenon_value_info info{};
  info.struct_size = sizeof info;
  CHECK(m.get("a", &info) == "one");
  CHECK(info.revision == put.revision);
  CHECK(std::string(info.content_type, info.content_type_len) == "text/plain");
  CHECK(s.commit({op(TENON_STORAGE_PUT, "b", "2"), op_if(TENON_STORAGE_CHECK, "a", 4711)}).status == TENON_ABORTED);
  CHECK(m.get("b") == "<NOT_FOUND>");
  CHECK(s.commit({op(TENON_STORAGE_PUT, "b", "2"), op(TENON_STORAGE_ERASE, "a")}).str() == "OK");
  CHECK(m.get("a") == "<NOT_FOUND>");
  CHECK(m.get("b") == "2");
  CHECK(s.clear().str() == "OK");
  CHECK(m.get("b") == "<NOT_FOUND>");
  way.put_from_elsewhere("puppet", "c", "3");
  CHECK(m.get("c") == "3");
}

CONFORMS("state: what was there before it was opened is there, another id is none of its own") {
  Space s(way, "puppet");
  REQUIRE(s.put("a", "1").str() == "OK");
  Mirror m(way, "puppet");
  CHECK(m.get("a") == "1");
  CHECK(Mirror(way, "puppet").id == m.id);
  if (!way.checks_permissions()) return;  // the kernel has one kind of id, and asks nobody
  CHECK(Mirror(way, "orders").opened.status == TENON_PERMISSION_DENIED);
  CHECK(Mirror(way, "asked").opened.status == TENON_PERMISSION_DENIED);
  m.id = s.id;
  CHECK(m.get("a") == "<NOT_FOUND>");
  CHECK(m.keys() == "NOT_FOUND SPACE");
  m.id = ~std::uint64_t{0};
  CHECK(m.get("a") == "<NOT_FOUND>");
  for (int i = 0; i < 3; ++i) way.broke_stale_id();
}

CONFORMS("state: a buffer that is too small gets nothing, and hears what it takes") {
  Space s(way, "puppet");
  Mirror m(way, "puppet");
  REQUIRE(s.put("a", "0123456789").str() == "OK");
  std::uint8_t buffer[4] = {7, 7, 7, 7};
  tenon_value_info info{};
  info.struct_size = sizeof info;
  CHECK(way.state->get(way.ctx, m.id, bytes("a"), buffer, sizeof buffer, &info) == TENON_OUT_OF_RANGE);
  CHECK(info.size == 10);
  CHECK(buffer[0] == 7);
}

CONFORMS("state: what has expired is gone, and what is secret was never there") {
  Space s(way, "puppet");
  Mirror m(way, "puppet");
  REQUIRE(s.put("a", "1", "", 1'000'000'000).str() == "OK");
  CHECK(m.get("a") == "1");
  way.advance(std::chrono::seconds(1));
  CHECK(m.get("a") == "<NOT_FOUND>");
  CHECK(m.keys().empty());
  REQUIRE(s.put("b", "1").str() == "OK");
  Space secret(way, "puppet", TENON_STORAGE_SECRET);
  REQUIRE(secret.opened.str() == "OK");
  CHECK(m.get("b") == "<NOT_FOUND>");
  CHECK(secret.get("b") == "1");
  CHECK(Mirror(way, "puppet").opened.str() == "FAILED_PRECONDITION SECRET");
}

CONFORMS("state: keys come in order, in batches, without values") {
  Space s(way, "puppet");
  Mirror m(way, "puppet");
  for (const char* key : {"b", "a.2", "a.10", "a", "\xff"}) REQUIRE(s.put(key, "v").str() == "OK");
  CHECK(m.keys() == "a a.10 a.2 b \xff");
  CHECK(m.keys("a.") == "a.10 a.2");
  std::vector<std::string> keys;
  for (int i = 1000; i < 1600; ++i) keys.push_back("many." + std::to_string(i));
  std::vector<tenon_storage_op> ops;
  for (const std::string& k : keys) ops.push_back(op(TENON_STORAGE_PUT, k, "v"));
  REQUIRE(s.commit(ops).str() == "OK");
  std::size_t batches = 0;
  CHECK_FALSE(m.keys("many.", &batches).empty());
  CHECK(batches == 3);
}

CONFORMS("state: what is no name of a namespace is refused as that, not as one that could be granted") {
  for (const std::string& name : {std::string(), std::string("a..b"), std::string("a b"), std::string(256, 'a')}) {
    CAPTURE(name);
    tenon_id id = 0;
    tenon_error error{};
    error.struct_size = sizeof error;
    CHECK(way.storage->open(way.ctx, {name.data(), name.size()}, 0, &id, &error) == TENON_INVALID_ARGUMENT);
    CHECK(std::string_view(error.reason) == "NAMESPACE_NAME");
    CHECK(way.state->open(way.ctx, {name.data(), name.size()}, &id, nullptr) == TENON_INVALID_ARGUMENT);
  }
}

CONFORMS("state: a watch hears of changes below its prefix, and of nothing else") {
  Space s(way, "puppet");
  Mirror m(way, "puppet");
  Listener all(way), some(way);
  REQUIRE(all.watch(m).str() == "OK");
  REQUIRE(some.watch(m, "a.").str() == "OK");
  REQUIRE(s.put("b", "1").str() == "OK");
  CHECK(all.hears(1));
  CHECK(all.take() == Heard{"put:b"});
  REQUIRE(s.put("a.1", "1").str() == "OK");
  CHECK(some.hears(1));
  CHECK(some.take() == Heard{"put:a.1"});
  CHECK(all.hears(1));
  CHECK(all.take() == Heard{"put:a.1"});
  REQUIRE(s.erase("a.1").str() == "OK");
  CHECK(some.hears(1));
  CHECK(some.take() == Heard{"erased:a.1"});
  REQUIRE(s.erase("a.1").str() == "OK");  // it is not there: no change
  REQUIRE(s.erase("a.none").str() == "OK");
  REQUIRE(s.put("a.2", "1", "", 1000).str() == "OK");
  CHECK(some.hears(1));
  CHECK(some.take() == Heard{"put:a.2"});
  way.advance(std::chrono::seconds(1));
  CHECK(some.hears(1));
  CHECK(some.take() == Heard{"expired:a.2"});
  REQUIRE(s.clear().str() == "OK");
  CHECK(some.hears(1));
  CHECK(some.take() == Heard{"reset:"});
  way.leave();
  CHECK(all.released() == 1);
  CHECK(some.released() == 1);
}

CONFORMS("state: the same watch again is the same one, when it has ended nothing comes and it is released once") {
  Space s(way, "puppet");
  Mirror m(way, "puppet");
  Listener listener(way);
  REQUIRE(listener.watch(m).str() == "OK");
  const tenon_id first = listener.id;
  if (way.checks_permissions()) {  // the kernel's are functions, which cannot be compared
    REQUIRE(listener.watch(m).str() == "OK");
    CHECK(listener.id == first);
  }
  CHECK(way.state->unwatch(way.ctx, first) == TENON_OK);
  CHECK(way.state->unwatch(way.ctx, first) == TENON_NOT_FOUND);
  way.broke_stale_id();
  CHECK(way.state->unwatch_wait(way.ctx, first, INT64_MAX, nullptr) == TENON_NOT_FOUND);
  way.broke_stale_id();
  CHECK(listener.is_released());
  Listener other(way);
  REQUIRE(other.watch(m).str() == "OK");
  CHECK(other.id != first);
  REQUIRE(s.put("a", "1").str() == "OK");
  CHECK(other.hears(1));
  CHECK(listener.take().empty());
  CHECK(way.state->unwatch_wait(way.ctx, other.id, INT64_MAX, nullptr) == TENON_OK);
  CHECK(other.released() == 1);
  way.leave();
  CHECK(listener.released() == 1);
  CHECK(other.released() == 1);
}

CONFORMS("state: a watch may end itself, and write, inside its own handler") {
  Space s(way, "puppet");
  Mirror m(way, "puppet");
  Listener listener(way);
  std::string waited;
  listener.also = [&] {
    Answer a;
    a.status = way.state->unwatch_wait(way.ctx, listener.id, INT64_MAX, &a.error);
    way.broke_reentry();
    CHECK(way.state->unwatch(way.ctx, listener.id) == TENON_OK);
    waited = a.str() + ", put " + s.put("inside", "1").str();
  };
  REQUIRE(listener.watch(m).str() == "OK");
  REQUIRE(s.put("a", "1").str() == "OK");
  CHECK(listener.hears(1));
  CHECK(listener.is_released());
  CHECK(waited == "FAILED_PRECONDITION REENTRANT, put OK");
  CHECK(m.get("inside") == "1");
  REQUIRE(s.put("b", "1").str() == "OK");
  CHECK(listener.take() == Heard{"put:a"});
  CHECK(listener.released() == 1);
}
