// tenon.metrics/1
#include <cmath>

#include "driver.hpp"

using namespace tenon::test;

TEST_CASE("counters, gauges and histograms count") {
  three_ways([](Driver& d, Way) {
    std::size_t c = 0, g = 0, h = 0;
    REQUIRE(d.counter("requests_total", "Requests.", {{"method", "get"}}, c).ok());
    REQUIRE(d.gauge("queue_length", "Waiting.", {}, g).ok());
    REQUIRE(d.histogram("took_seconds", "Time.", {0.5, 1}, {}, h).ok());
    CHECK(d.samples("requests_total") == "requests_total{module=\"puppet\",method=\"get\"} 0\n");
    d.add(c, 1);
    d.add(c, 41);
    d.set(g, 2.5);
    d.change(g, -4);
    for (const double value : {0.25, 0.5, 0.75, 7.0}) d.observe(h, value);
    d.observe(h, std::nan(""));
    CHECK(d.samples("requests_total") == "requests_total{module=\"puppet\",method=\"get\"} 42\n");
    CHECK(d.samples("queue_length") == "queue_length{module=\"puppet\"} -1.5\n");
    CHECK(d.samples("took_seconds") ==
          "took_seconds_bucket{module=\"puppet\",le=\"0.5\"} 2\ntook_seconds_bucket{module=\"puppet\",le=\"1\"} 3\n"
          "took_seconds_bucket{module=\"puppet\",le=\"+Inf\"} 4\ntook_seconds_sum{module=\"puppet\"} 8.5\n"
          "took_seconds_count{module=\"puppet\"} 4\n");
  });
}

TEST_CASE("the same series is one, other labels are another") {
  three_ways([](Driver& d, Way) {
    std::size_t a = 0, b = 0, c = 0;
    REQUIRE(d.counter("jobs_total", "Jobs.", {{"kind", "a"}, {"size", "s"}}, a).ok());
    REQUIRE(d.counter("jobs_total", "Jobs.", {{"size", "s"}, {"kind", "a"}}, b).ok());
    REQUIRE(d.counter("jobs_total", "Jobs.", {{"kind", "b"}}, c).ok());
    d.add(a, 1);
    d.add(b, 2);
    d.add(c, 4);
    CHECK(d.samples("jobs_total") == "jobs_total{module=\"puppet\",kind=\"a\",size=\"s\"} 3\njobs_total{module=\"puppet\",kind=\"b\"} 4\n");
  });
}

TEST_CASE("what is no metric is refused with its reason") {
  three_ways([](Driver& d, Way) {
    std::size_t out = 99;
    const auto bad = [&](const Answer& a) { return a.status == TENON_INVALID_ARGUMENT && a.reason == "BAD_METRIC" && !a.message.empty(); };
    CHECK(bad(d.counter("requests", "h", {}, out)));
    CHECK(bad(d.counter("Requests_total", "h", {}, out)));
    CHECK(bad(d.counter("", "h", {}, out)));
    CHECK(bad(d.counter(std::string(123, 'a') + "_total", "h", {}, out)));
    CHECK(bad(d.counter("requests_total", "", {}, out)));
    CHECK(bad(d.counter("requests_total", std::string(513, 'h'), {}, out)));
    CHECK(bad(d.gauge("x_total", "h", {}, out)));
    CHECK(bad(d.counter("tenon_service_calls_total", "h", {}, out)));
    CHECK(bad(d.gauge("x_bucket", "h", {}, out)));
    CHECK(bad(d.gauge("x", "h", {{"module", "other"}}, out)));
    for (const char* text : {"\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"}) {
      CHECK(bad(d.gauge("x", "h", {{"label", text}}, out)));
      CHECK(bad(d.gauge("x", text, {}, out)));
    }
    CHECK(bad(d.gauge("x", "h", {{"le", "1"}}, out)));
    CHECK(bad(d.gauge("x", "h", {{"__a", "1"}}, out)));
    CHECK(bad(d.gauge("x", "h", {{"a", "1"}, {"a", "2"}}, out)));
    CHECK(bad(d.gauge("x", "h", {{"a", std::string(129, 'v')}}, out)));
    CHECK(bad(d.gauge("x", "h", Labels(9, {"a", "b"}), out)));
    CHECK(bad(d.histogram("x", "h", {}, {}, out)));
    CHECK(bad(d.histogram("x", "h", {1, 1}, {}, out)));
    CHECK(bad(d.histogram("x", "h", {INFINITY}, {}, out)));
    CHECK(bad(d.histogram("x", "h", std::vector<double>(33, 1), {}, out)));
    CHECK(out == 99);
    CHECK(d.samples("x").empty());
  });
}

TEST_CASE("a name has one kind, and a histogram one list of bounds") {
  three_ways([](Driver& d, Way) {
    std::size_t out = 0;
    REQUIRE(d.gauge("length", "h", {}, out).ok());
    REQUIRE(d.histogram("took", "h", {1, 2}, {}, out).ok());
    const auto other = [&](const Answer& a) { return a.status == TENON_ALREADY_EXISTS && a.reason == "OTHER_METRIC"; };
    CHECK(other(d.histogram("length", "h", {1}, {}, out)));
    CHECK(other(d.histogram("took", "h", {1, 3}, {{"a", "b"}}, out)));
    CHECK(d.histogram("took", "h", {1, 2}, {{"a", "b"}}, out).ok());
  });
}

TEST_CASE("a module has at most 1000 series") {
  three_ways([](Driver& d, Way) {
    std::size_t out = 0;
    for (int i = 0; i < 1000; ++i) REQUIRE(d.gauge("x", "h", {{"i", std::to_string(i)}}, out).ok());
    const Answer more = d.gauge("x", "h", {{"i", "1000"}}, out);
    CHECK(more.status == TENON_RESOURCE_EXHAUSTED);
    CHECK(more.reason == "TOO_MANY_SERIES");
    CHECK(d.gauge("x", "h", {{"i", "7"}}, out).ok());
  });
}

TEST_CASE("nothing is left when the module has left") {
  three_ways([](Driver& d, Way) {
    std::size_t out = 0;
    REQUIRE(d.gauge("length", "h", {}, out).ok());
    CHECK_FALSE(d.samples("length").empty());
    d.leave();
    CHECK(d.samples("length").empty());
  });
}
