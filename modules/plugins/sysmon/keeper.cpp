#include "keeper.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>

namespace sysmon {
namespace {

constexpr std::string_view prefix = "history.";
constexpr std::size_t digits = 20;
constexpr std::uint64_t most_erased = 500;  // at once: a history that was cut short goes over the next samples

std::string key_of(std::uint64_t number) {
  char text[digits + 1];
  std::snprintf(text, sizeof text, "%020llu", static_cast<unsigned long long>(number));
  return std::string(prefix) + text;
}

bool number_of(std::string_view key, std::uint64_t& number) {
  if (key.size() != prefix.size() + digits) return false;
  const auto [end, error] = std::from_chars(key.data() + prefix.size(), key.data() + key.size(), number);
  return error == std::errc() && end == key.data() + key.size() && number != UINT64_MAX;
}

}  // namespace

tenon::Status Keeper::resume() {
  bool any = false;
  return space_.for_each(prefix, [&](tenon::StorageRow row) {
    std::uint64_t number = 0;
    if (!number_of(row.key(), number)) return;
    if (!any) first_ = number;
    any = true;
    next_ = number + 1;
  });
}

void Keeper::keep(std::string_view json, std::uint64_t limit) {
  const auto options = tenon::PutOptions().type("application/json");
  tenon::StorageTransaction transaction;
  transaction.put("last", json, options);
  if (limit != 0) transaction.put(key_of(next_), json, options);
  const std::uint64_t end = next_ + 1;
  // What was not erased because a commit failed is erased by a later one: first_ moves only with what is done.
  const std::uint64_t first = first_, keep_from = std::min(end - std::min(end, limit), first + most_erased);
  for (std::uint64_t number = first; number < keep_from && number < next_; ++number) transaction.erase(key_of(number));
  next_ = end;
  const tenon::Status sent = space_.commit_async(transaction, [this, keep_from](const tenon::Result<std::uint64_t>& revision) noexcept {
    if (revision.ok()) first_ = std::max(first_.load(), keep_from);
    outcome(revision.status());
  });
  if (!sent.ok()) outcome(sent);
}

void Keeper::outcome(const tenon::Status& status) {
  if (failing_.exchange(!status.ok()) != !status.ok()) report_(status);
}

}  // namespace sysmon
