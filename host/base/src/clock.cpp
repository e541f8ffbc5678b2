#include "base/clock.hpp"

#include <ctime>

namespace tenon::host {
namespace {

std::int64_t read_clock(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

void put(char* out, int digits, std::int64_t value) {
  for (int i = digits - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace

std::int64_t monotonic_ns() { return read_clock(CLOCK_MONOTONIC); }
std::int64_t realtime_ns() { return read_clock(CLOCK_REALTIME); }

void format_rfc3339(std::int64_t ns, char out[28]) {
  const std::time_t seconds = static_cast<std::time_t>(ns / 1'000'000'000);
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  constexpr char shape[] = "0000-00-00T00:00:00.000000Z";
  for (std::size_t i = 0; i < sizeof shape; ++i) out[i] = shape[i];
  put(out, 4, tm.tm_year + 1900);
  put(out + 5, 2, tm.tm_mon + 1);
  put(out + 8, 2, tm.tm_mday);
  put(out + 11, 2, tm.tm_hour);
  put(out + 14, 2, tm.tm_min);
  put(out + 17, 2, tm.tm_sec);
  put(out + 20, 6, ns % 1'000'000'000 / 1000);
}

}  // namespace tenon::host
