// The rules of the container, seen by two modules: `catalog` provides, `orders` requires it. Driven on the kernel, through the C tables of real
// modules, and on the fake host (where `catalog` is the module under test and the test is `orders`).
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::test {

struct Answer {
  int status = 0;
  std::string reason;
  std::uint64_t id = 0;
  int value = 0;
  [[nodiscard]] bool ok() const { return status == 0; }
};
inline bool failed(const Answer& a, int status, std::string_view reason) {
  INFO("status ", a.status, ", reason ", a.reason);
  CHECK(a.status == status);
  CHECK(a.reason == reason);
  return a.status == status && a.reason == reason;
}

using Lines = std::vector<std::string>;

/// Something `catalog` provides. What happens to it is written down: "make name", "dispose name", "release name".
struct Thing {
  std::string name;
  int value = 0;
  std::function<int(std::uint64_t scope)> then;  ///< what the factory does and answers
  std::function<void(const std::string&)> write;
  int make(std::uint64_t scope) {
    write("make " + name);
    return then ? then(scope) : 0;
  }
};

struct Info {
  std::uint32_t kind = 2;
  std::string request_id, tenant, auth;
  std::int64_t deadline_ns = INT64_MAX;
};

enum class Who : std::uint8_t { catalog, orders };

class Driver {
 public:
  virtual ~Driver() = default;
  virtual Answer provide(std::string_view token, Thing& thing, std::string_view key, bool replace) = 0;
  virtual Answer provide_factory(std::string_view token, std::uint32_t lifetime, Thing& thing, std::string_view key, bool replace) = 0;
  virtual Answer withdraw(std::uint64_t id) = 0;
  virtual Answer withdraw_wait(std::uint64_t id, std::int64_t deadline_ns) = 0;
  virtual Answer acquire(Who who, std::string_view token, std::uint64_t scope, std::string_view key, std::uint32_t min_size) = 0;
  virtual Answer release(Who who, std::uint64_t lease) = 0;
  virtual Answer open(Who who, std::uint64_t outer, const Info& info) = 0;
  virtual Answer close(Who who, std::uint64_t scope) = 0;
  virtual Answer describe(std::uint64_t scope, Info& out) = 0;  ///< catalog's
  /// orders stops, catalog stops, orders is destroyed, catalog is destroyed.
  virtual void end() = 0;

  Thing& thing(std::string name, int value = 17, std::function<int(std::uint64_t)> then = {}) {
    things_.push_back({std::move(name), value, std::move(then), [this](const std::string& line) { write(line); }});
    return things_.back();
  }
  Answer provide(std::string_view token, Thing& t) { return provide(token, t, {}, false); }
  Answer factory(std::string_view token, std::uint32_t lifetime, Thing& t) { return provide_factory(token, lifetime, t, {}, false); }
  Answer get(Who who, std::string_view token, std::uint64_t scope = 0, std::string_view key = {}) {
    return acquire(who, token, scope, key, 0);
  }

  void write(const std::string& line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(line);
  }
  [[nodiscard]] Lines lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  [[nodiscard]] std::size_t count(const std::string& line) const {
    const Lines all = lines();
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), line));
  }
  /// The real host ends some things on workers: waits for them.
  [[nodiscard]] bool gets(const std::string& line, std::size_t n = 1) const;

 private:
  std::list<Thing> things_;
  mutable std::mutex mutex_;
  Lines lines_;
};

std::unique_ptr<Driver> kernel_driver();
std::unique_ptr<Driver> module_driver(bool strict);
std::unique_ptr<Driver> fake_driver();

}  // namespace tenon::test
