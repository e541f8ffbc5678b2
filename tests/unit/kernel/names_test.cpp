// Patterns of names, checked against a plain search, and the names of services.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/text.hpp"
#include "kernel/names.hpp"

using namespace tenon::host;

namespace {

// All dotted texts of up to three of the given words.
std::vector<std::string> texts(const std::vector<std::string>& words) {
  std::vector<std::string> out = words, last = words;
  for (int length = 2; length <= 3; ++length) {
    std::vector<std::string> next;
    for (const std::string& text : last)
      for (const std::string& word : words) next.push_back(text + "." + word);
    out.insert(out.end(), next.begin(), next.end());
    last = next;
  }
  return out;
}

// By definition, word by word.
bool plainly_matches(std::string_view pattern, std::string_view name) {
  const auto p = split(pattern, '.'), n = split(name, '.');
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] == ">") return i < n.size();
    if (i >= n.size() || (p[i] != "*" && p[i] != n[i])) return false;
  }
  return p.size() == n.size();
}

}  // namespace

TEST_CASE("a star is one word, an angle bracket one or more") {
  CHECK(matches("orders.*", "orders.create"));
  CHECK_FALSE(matches("orders.*", "orders"));
  CHECK_FALSE(matches("orders.*", "orders.item.create"));
  CHECK(matches("orders.>", "orders.item.create"));
  CHECK_FALSE(matches("orders.>", "orders"));
  CHECK(matches(">", "orders"));
  CHECK(matches("*.created", "orders.created"));
  CHECK_FALSE(matches("orders", "orders_eu"));
  CHECK_FALSE(matches("orders", "orders.eu"));
}

TEST_CASE("every pattern of up to three words does to every name what its definition says") {
  std::vector<std::string> patterns;
  for (const std::string& text : texts({"a", "b", "*", ">"}))
    if (is_dotted_name(text, true)) patterns.push_back(text);
  REQUIRE(patterns.size() > 40);
  // Four words, so that `>` has more to swallow than any pattern has words.
  std::vector<std::string> names = texts({"a", "b", "c"});
  const std::vector<std::string> longer = names;
  for (const std::string& name : longer) names.push_back(name + ".a");
  for (const std::string& pattern : patterns)
    for (const std::string& name : names)
      REQUIRE_MESSAGE(matches(pattern, name) == plainly_matches(pattern, name), pattern << " on " << name);
  for (const std::string& narrow : patterns)
    for (const std::string& wide : patterns) {
      bool within = true;
      for (const std::string& name : names) within = within && (!plainly_matches(narrow, name) || plainly_matches(wide, name));
      REQUIRE_MESSAGE(is_within(narrow, wide) == within, narrow << " within " << wide);
    }
}

TEST_CASE("a prefix ends at a word") {
  CHECK(has_prefix("orders", "orders"));
  CHECK(has_prefix("orders.create", "orders"));
  CHECK(has_prefix("orders.>", "orders"));
  CHECK_FALSE(has_prefix("orders_eu.create", "orders"));
  CHECK_FALSE(has_prefix("order", "orders"));
  CHECK_FALSE(has_prefix(">", "orders"));
  CHECK_FALSE(has_prefix("*.create", "orders"));
}

TEST_CASE("the major of a service is a suffix, and 1 if it is not said") {
  const auto plain = parse_service_name("orders.create");
  REQUIRE(plain);
  CHECK((plain->name == "orders.create" && plain->major == 1 && plain->text() == "orders.create"));
  CHECK(parse_service_name("orders.create/1")->text() == "orders.create");
  const auto second = parse_service_name("orders.create/2");
  REQUIRE(second);
  CHECK((second->name == "orders.create" && second->major == 2 && second->text() == "orders.create/2"));
  CHECK(parse_service_name("x/999999")->major == 999999);
  for (const char* wrong : {"", "/1", "orders/", "orders/0", "orders/01", "orders/-1", "orders/1000000", "orders/1x", "orders/1/2",
                            "orders.", "orders.*", "or ders", "orders.\xC3\xA4"})
    CHECK_MESSAGE(!parse_service_name(wrong), wrong);
  CHECK_FALSE(parse_service_name(std::string_view("a\0b", 3)));
  CHECK_FALSE(parse_service_name(std::string(256, 'a')));
  CHECK(parse_service_name(std::string(255, 'a') + "/7"));
}

TEST_CASE("a pattern of services without a major stands for all of them") {
  const auto any = parse_service_pattern("catalog.*");
  REQUIRE(any);
  CHECK(any->matches({"catalog.get", 1}));
  CHECK(any->matches({"catalog.get", 3}));
  CHECK_FALSE(any->matches({"catalog.item.get", 1}));
  const auto second = parse_service_pattern("catalog.>/2");
  REQUIRE(second);
  CHECK(second->matches({"catalog.item.get", 2}));
  CHECK_FALSE(second->matches({"catalog.item.get", 1}));
  CHECK_FALSE(parse_service_pattern("catalog.>.get"));
  CHECK_FALSE(parse_service_pattern("catalog.*/x"));
}
