#include <doctest/doctest.h>

#include <string>
#include <tenon/testing.hpp>

using namespace std::chrono_literals;
using tenon::testing::Config;
using tenon::testing::Host;
using tenon::testing::Value;

namespace {

struct Configured {
  using needs = tenon::needs<tenon::Config, tenon::Calls>;
  tenon::Ctx ctx;
  tenon::Config config{ctx};
  std::vector<std::string> seen;
  int fail_next = 0;
  tenon::Status init() {
    tenon::Status status = config
                               .on_change("interval",
                                          [this](std::string_view path) {
                                            if (fail_next-- > 0) throw std::runtime_error("cannot");
                                            seen.push_back(std::string(path) + "=" + config.require<std::string>("interval").value());
                                          })
                               .status();
    if (!status.ok()) return status;
    return config
        .on_change("tree",
                   [this](std::string_view path, tenon::Call call) -> tenon::Status {
                     seen.push_back(std::string(path) + (call.cancelled() ? " cancelled" : " in time"));
                     return {};
                   })
        .status();
  }
};

const Config everything = {{"flag", true},
                           {"small", 7},
                           {"negative", -1},
                           {"large", std::numeric_limits<std::int64_t>::max()},
                           {"real", 2.5},
                           {"text", "hello"},
                           {"empty", ""},
                           {"null", nullptr},
                           {"time", 1500ms},
                           {"time_text", "1h30m"},
                           {"size", tenon::Size{1024}},
                           {"size_text", "16MiB"},
                           {"tree", Config{{"leaf", "deep"}, {"list", Value::list({1, "b", Config{{"x", 9}}})}}}};

}  // namespace

TEST_CASE("typed getters") {
  Host host = Host::of<Configured>(everything);
  REQUIRE(host.create().ok());
  const tenon::Config& c = host.object<Configured>().config;
  CHECK(c.require<bool>("flag").value());
  CHECK(c.require<int>("small").value() == 7);
  CHECK(c.require<std::uint8_t>("small").value() == 7);
  CHECK(c.require<std::int64_t>("large").value() == std::numeric_limits<std::int64_t>::max());
  CHECK(c.require<double>("real").value() == 2.5);
  CHECK(c.require<double>("small").value() == 7.0);
  CHECK(c.require<std::string_view>("text").value() == "hello");
  CHECK(c.require<std::string>("empty").value().empty());
  CHECK(c.require<std::chrono::milliseconds>("time").value() == 1500ms);
  CHECK(c.require<std::chrono::seconds>("time").value() == 1s);
  CHECK(c.require<std::chrono::nanoseconds>("time_text").value() == 90min);
  CHECK(c.require<tenon::Size>("size").value().bytes == 1024);
  CHECK(c.require<tenon::Size>("size_text").value() == tenon::Size{16U << 20U});
  CHECK(c.require<std::string>("tree.leaf").value() == "deep");
  CHECK(c.require<int>("tree.list.2.x").value() == 9);
}

TEST_CASE("absent, null and wrong types") {
  Host host = Host::of<Configured>(everything);
  REQUIRE(host.create().ok());
  const tenon::Config& c = host.object<Configured>().config;
  CHECK(c.has("text"));
  CHECK_FALSE(c.has("null"));
  CHECK_FALSE(c.has("tree.none"));
  CHECK(c.require<int>("none").status().code() == TENON_NOT_FOUND);
  CHECK(c.require<int>("null").status().code() == TENON_NOT_FOUND);
  CHECK(c.require<int>("none").status().message() == "there is no value at `none`");
  CHECK(c.optional<int>("none", 3).value() == 3);
  CHECK(c.optional<int>("null", 3).value() == 3);
  CHECK(c.optional<bool>("none", true).value());
  CHECK(c.optional<double>("none", 1.25).value() == 1.25);
  CHECK(c.optional<std::string>("none", "f").value() == "f");
  CHECK(c.optional<std::chrono::seconds>("none", 4s).value() == 4s);
  CHECK(c.optional<tenon::Size>("none", {5}).value().bytes == 5);
  CHECK(c.optional<std::uint64_t>("none", std::numeric_limits<std::uint64_t>::max()).value() == std::numeric_limits<std::uint64_t>::max());
  const auto wrong = c.optional<int>("text", 3);
  CHECK(wrong.status().code() == TENON_INVALID_ARGUMENT);
  CHECK(wrong.status().message() == "`text` is of type string, not integer");
  CHECK(c.require<std::string>("small").status().code() == TENON_INVALID_ARGUMENT);
  CHECK(c.require<std::chrono::seconds>("text").status().code() == TENON_INVALID_ARGUMENT);
  CHECK(c.require<int>("large").status().code() == TENON_OUT_OF_RANGE);
  CHECK(c.require<std::uint8_t>("negative").status().code() == TENON_OUT_OF_RANGE);
  CHECK(c.require<unsigned>("negative").status().message() == "`negative` is -1, beyond what the module can hold");
}

TEST_CASE("json and count") {
  Host host = Host::of<Configured>(Config{{"a", Value::list({1, true, nullptr})}, {"m", Config{{"k\"", 0.5}}}});
  REQUIRE(host.create().ok());
  const tenon::Config& c = host.object<Configured>().config;
  CHECK(c.json("").value() == R"({"a":[1,true,null],"m":{"k\"":0.5}})");
  CHECK(c.json("a").value() == "[1,true,null]");
  CHECK(c.json("a.2").value() == "null");
  CHECK(c.json("b").status().code() == TENON_NOT_FOUND);
  CHECK(c.count("a").value() == 3);
  CHECK(c.count("m").value() == 1);
  CHECK(c.count("a.0").status().code() == TENON_INVALID_ARGUMENT);
}

TEST_CASE("views stay valid when the value changes") {
  Host host = Host::of<Configured>(Config{{"interval", "a value that is too long for small strings"}});
  REQUIRE(host.create().ok());
  const auto view = host.object<Configured>().config.require<std::string_view>("interval").value();
  REQUIRE(host.change("interval", "another one").ok());
  CHECK(view == "a value that is too long for small strings");
}

TEST_CASE("changes are delivered once start was called, at and below the path") {
  Host host = Host::of<Configured>(Config{{"interval", "1s"}, {"tree", Config{{"x", 1}, {"y", 1}}}});
  REQUIRE(host.create().ok());
  REQUIRE(host.init().ok());
  auto& module = host.object<Configured>();
  CHECK(host.change("interval", "2s").ok());
  CHECK(module.seen.empty());
  REQUIRE(host.start().ok());
  CHECK(host.change("interval", "3s").ok());
  CHECK(host.change("interval", "3s").ok());  // no change
  CHECK(host.change("tree.x", 2).ok());
  CHECK(module.seen == std::vector<std::string>{"interval=3s", "tree in time"});
  module.fail_next = 1;
  const auto failed = host.change("interval", "4s");
  CHECK(failed.code() == TENON_INTERNAL);
  CHECK(failed.reason() == "CPP_EXCEPTION");
  CHECK(host.stop().ok());
  CHECK(host.change("interval", "5s").ok());
  CHECK(module.seen.size() == 2);
  CHECK(host.finish().empty());
}

TEST_CASE("on_change is refused in other phases and for paths that are not live") {
  Host host = Host::of<Configured>(Config{{"interval", "1s"}});
  host.declare_live({"interval"});
  REQUIRE(host.create().ok());
  CHECK(host.init().code() == TENON_FAILED_PRECONDITION);  // "tree" is not live
  REQUIRE(host.start().ok());
  auto& module = host.object<Configured>();
  CHECK(module.config.on_change("interval", [](std::string_view) {}).status().code() == TENON_FAILED_PRECONDITION);
  CHECK(host.change("other", 1).code() == TENON_FAILED_PRECONDITION);
}

TEST_CASE("a change above a path concerns it if its value is another then") {
  Host host = Host::of<Configured>(Config{{"interval", "1s"}, {"tree", Config{{"x", 1}}}});
  REQUIRE(host.boot().ok());
  auto& module = host.object<Configured>();
  CHECK(host.change("", Config{{"interval", "1s"}, {"tree", Config{{"x", 2}}}}).ok());
  CHECK(module.seen == std::vector<std::string>{"tree in time"});
  CHECK(host.change("", Config{{"interval", "2s"}}).ok());  // removed counts
  CHECK(module.seen == std::vector<std::string>{"tree in time", "interval=2s", "tree in time"});
  CHECK(host.finish().empty());
}

namespace {

int alive = 0;
struct Guard {
  Guard() { ++alive; }
  Guard(const Guard&) { ++alive; }
  Guard(Guard&&) noexcept { ++alive; }
  ~Guard() { --alive; }
};
struct Registers {
  using needs = tenon::needs<tenon::Config>;
  tenon::Ctx ctx;
  tenon::Config config{ctx};
  tenon_id first = 0;
  void init() {
    first = config.on_change("a", [g = Guard()](std::string_view) {}).value();
    (void)config.on_change("b", [g = Guard()](std::string_view) {}).value();
  }
};

}  // namespace

TEST_CASE("what on_change was given is released exactly once") {
  alive = 0;
  {
    Host host = Host::of<Registers>();
    host.declare_live({"a", "b"});
    REQUIRE(host.create().ok());
    REQUIRE(host.init().ok());
    CHECK(alive == 2);
    auto& m = host.object<Registers>();
    CHECK(m.config.unsubscribe(m.first).ok());
    CHECK(alive == 2);  // not within the function
    host.deliver();
    CHECK(alive == 1);
    CHECK(m.config.unsubscribe(m.first).code() == TENON_NOT_FOUND);
  }
  CHECK(alive == 0);
}

namespace {

/// Each handler ends both, itself first.
struct EndsItself {
  using needs = tenon::needs<tenon::Config>;
  tenon::Ctx ctx;
  tenon::Config config{ctx};
  tenon_id ids[2] = {};
  std::string seen;
  void init() {
    for (int i = 0; i < 2; ++i) {
      const auto handler = [this, i, name = std::string(64, static_cast<char>('a' + i))](std::string_view) {
        CHECK(config.unsubscribe(ids[i]).ok());
        CHECK(config.unsubscribe(ids[1 - i]).ok());
        seen += name[63];  // of the handler itself, which is still there
      };
      ids[i] = config.on_change("a", handler).value();
    }
  }
};

}  // namespace

TEST_CASE("a handler of on_change that ends itself is released afterwards, and another it has ended is not called") {
  Host host = Host::of<EndsItself>(Config{{"a", 1}});
  REQUIRE(host.boot().ok());
  CHECK(host.change("a", 2).ok());
  CHECK(host.object<EndsItself>().seen == "a");
  CHECK(host.change("a", 3).ok());
  CHECK(host.object<EndsItself>().seen == "a");
  CHECK(host.finish().empty());
}

TEST_CASE("a number with a fallback is one look: it cannot go between two") {
  Host other = Host::of<Configured>();
  static tenon_config table;
  table = *static_cast<const tenon_config*>(other.ctx()->host->query(other.ctx(), TENON_STR(TENON_CONFIG)));
  table.has = [](tenon_ctx*, tenon_str) noexcept { return 1; };  // it was there, before the reload
  Host host = Host::of<Configured>();
  host.provide(TENON_CONFIG, &table);
  REQUIRE(host.create().ok());
  CHECK(host.object<Configured>().config.optional<int>("none", 3).value() == 3);
}
