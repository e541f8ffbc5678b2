// What a schema costs: figures are printed, only memory is checked (it does not depend on who else uses the machine).
#include <doctest/doctest.h>
#include <malloc.h>

#include <chrono>
#include <memory>
#include <vector>

#include "json.hpp"

using namespace tenon::host;
using namespace schema_test;

namespace {

constexpr const char* typical = R"({"type": "object", "additionalProperties": false, "required": ["listen"], "properties": {
  "page_size": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50, "live": true, "description": "entries per page"},
  "listen": {"type": "string", "minLength": 1},
  "level": {"type": "string", "enum": ["debug", "info", "warn", "error"], "default": "info"},
  "interval": {"type": "string", "format": "tenon-duration", "default": "5s"},
  "password": {"type": "string", "secret": true},
  "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 10, "default": []}}})";
constexpr const char* instance = R"({"page_size": 100, "listen": "127.0.0.1:80", "level": "info", "interval": "10s", "tags": ["a", "b"]})";

}  // namespace

TEST_CASE("a small schema is cheap to compile, to use and to keep") {
  constexpr std::size_t n = 1000;
  const Value text = json(typical), value = json(instance);
  std::vector<Schema> schemas;
  schemas.reserve(n);
  const auto bytes = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const std::size_t before = bytes();
  const auto t0 = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < n; ++i) {
    Diagnostics diagnostics;
    auto s = Schema::compile(text, diagnostics);
    if (!s) FAIL("does not compile");
    schemas.push_back(std::move(*s));
  }
  const auto t1 = std::chrono::steady_clock::now();
  std::size_t violations = 0;
  for (const Schema& s : schemas) violations += s.validate(value).size();
  const auto t2 = std::chrono::steady_clock::now();
  const std::size_t each = (bytes() - before) / n;
  CHECK(violations == 0);
  const auto micros = [](auto d) { return std::chrono::duration<double, std::micro>(d).count() / n; };
  MESSAGE("compile " << micros(t1 - t0) << " us, validate " << micros(t2 - t1) << " us, " << each << " bytes kept");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(each < 2048);
#endif
}
