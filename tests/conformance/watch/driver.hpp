// The same cases three ways: on the kernel itself, through the C tables with a real module, on the fake host.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "kernel/health.hpp"
#include "puppet.h"

namespace tenon::test {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// OK, or what was wrong.
struct Answer {
  tenon_status status = TENON_OK;
  std::string reason, message;
  [[nodiscard]] bool ok() const { return status == TENON_OK; }
};

struct Recorded {
  std::string type, level, target, request_id, outcome;
  Labels meta;
};

/// What a check of the puppet answers: the status and the sentence of its error.
using CheckAnswer = std::function<tenon_status(tenon_call* call, tenon_error* err)>;

struct CheckResult {
  host::CheckState state = host::CheckState::unknown;
  std::string why;
};

/// One module, called `puppet`, that has started, in one kind of host.
class Driver {
 public:
  virtual ~Driver() = default;

  // Handles are numbers, from 0.
  virtual Answer counter(const std::string& name, const std::string& help, const Labels& labels, std::size_t& out) = 0;
  virtual Answer gauge(const std::string& name, const std::string& help, const Labels& labels, std::size_t& out) = 0;
  virtual Answer histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds, const Labels& labels,
                           std::size_t& out) = 0;
  virtual void add(std::size_t counter, std::uint64_t n) = 0;
  virtual void set(std::size_t gauge, double value) = 0;
  virtual void change(std::size_t gauge, double by) = 0;
  virtual void observe(std::size_t histogram, double value) = 0;
  /// The samples of a name, as Prometheus reads them.
  virtual std::string samples(const std::string& name) = 0;

  virtual Answer record(const Recorded& event) = 0;
  virtual std::vector<Recorded> records() = 0;

  /// Asks `database` (required) or `cache` (optional) once more and waits for the answer.
  virtual CheckResult ask(const std::string& check, CheckAnswer answer) = 0;

  /// The module leaves; afterwards only samples and records may be read.
  virtual void leave() = 0;
};

/// `strict`: the tables of a host whose modules get checking proxies.
enum class Way : std::uint8_t { kernel, abi, strict, fake };
std::unique_ptr<Driver> make_driver(Way way);
const char* way_name(Way way);

/// Runs `f(driver, way)` all three ways, the tables also strict.
template <class F>
void three_ways(F&& f) {
  for (const Way way : {Way::kernel, Way::abi, Way::strict, Way::fake}) {
    INFO("on ", way_name(way));
    const auto driver = make_driver(way);
    f(*driver, way);
  }
}

}  // namespace tenon::test
