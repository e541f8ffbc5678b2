// Scripted module instances, a clock that is set by hand, and an observer that writes everything down.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "lifecycle/runner.hpp"

namespace tenon::test {

using namespace tenon::host;  // NOLINT(google-build-using-namespace)

/// A line per thing that happened, in order.
class Journal {
 public:
  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  bool has(const std::string& line) const {
    const std::lock_guard lock(mutex_);
    for (const std::string& l : lines_)
      if (l == line) return true;
    return false;
  }
  /// Waits until the line is there; false after 20 s.
  bool wait(const std::string& line) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] {
      for (const std::string& l : lines_)
        if (l == line) return true;
      return false;
    });
  }
  /// Only the lines "module phase".
  std::string calls() const {
    std::string out;
    for (const std::string& l : lines())
      if (l.find(':') == std::string::npos) out += (out.empty() ? "" : ", ") + l;
    return out;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

/// What a fake does in a phase; default: OK. May block on `Door`.
using Script = std::map<Phase, std::function<Outcome()>>;

/// Blocks until opened, or until the module is cancelled.
class Door {
 public:
  Door() = default;
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;
  ~Door() {  // a thread that was given up may still be on its way out
    open();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return inside_ == 0; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    ++inside_;
    changed_.wait(lock, [this] { return open_; });
    --inside_;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int inside_ = 0;
};

class FakeInstance : public ModuleInstance {
 public:
  FakeInstance(std::string name, Journal& journal, Script script, std::vector<Phase> without)
      : name_(std::move(name)), journal_(journal), script_(std::move(script)), without_(std::move(without)) {}
  bool has(Phase phase) const override {
    for (Phase p : without_)
      if (p == phase) return false;
    return phase != Phase::pre_init && phase != Phase::post_init ? true : trusted;
  }
  Outcome run(Phase phase, std::int64_t deadline_ns) override {
    if (phase != Phase::load) journal_.add(name_ + " " + std::string(phase_name(phase)));
    last_deadline_ns = deadline_ns;
    const auto s = script_.find(phase);
    return s == script_.end() ? Outcome::ok() : s->second();
  }
  Outcome configure(const ConfigChange& change, std::int64_t) override {
    journal_.add(name_ + " configure " + change.paths.front());
    const auto s = script_.find(Phase::configure);
    return s == script_.end() ? Outcome::ok() : s->second();
  }
  void on_completed(std::function<void(Phase, Outcome)> fn) override { completed = std::move(fn); }
  void cancel(std::int64_t) override { journal_.add(name_ + ": cancelled"); }
  void abandon(Phase phase) override { journal_.add(name_ + ": abandoned in " + std::string(phase_name(phase))); }
  std::vector<std::string> holders() const override { return {"a test"}; }

  std::function<void(Phase, Outcome)> completed;
  std::atomic<std::int64_t> last_deadline_ns{0};
  bool trusted = false;

 private:
  std::string name_;
  Journal& journal_;
  Script script_;
  std::vector<Phase> without_;
};

class JournalObserver : public RunnerObserver {
 public:
  explicit JournalObserver(Journal& journal) : journal_(journal) {}
  void state_changed(const ModuleStatus& s) override {
    journal_.add(s.name + ": " + std::string(state_name(s.state)) + (s.reason.empty() ? "" : " (" + s.reason + ")"));
  }
  void is_slow(const std::string& module, Phase phase, std::int64_t, std::int64_t) override {
    journal_.add(module + ": slow in " + std::string(phase_name(phase)));
  }
  void failed(const ModuleFailure& f, bool wedged, const std::vector<std::string>&) override {
    journal_.add(f.module + ": failed in " + std::string(phase_name(f.phase)) + (wedged ? ", wedged" : ""));
  }
  void ready() override { journal_.add("host: ready"); }
  void stopping() override { journal_.add("host: stopping"); }
  void finished() override { journal_.add("host: finished"); }
  void load_overdue(const std::string& module, bool) override { journal_.add(module + ": load overdue"); }

 private:
  Journal& journal_;
};

/// A runner over fakes.
class Stage {
 public:
  struct Module {
    std::string name;
    std::vector<std::string> requires_ = {};
    bool required = false, trusted = false;
    Script script = {};
    std::vector<Phase> without = {};
    std::vector<std::string> after = {};
  };
  explicit Stage(std::vector<Module> modules, RunnerOptions options = {});
  ~Stage() { end(); }

  /// Starts, waits for READY (or the end).
  void boot();
  /// Asks to stop, waits for the end.
  void end();
  void advance(std::chrono::nanoseconds by) {
    clock_ns += by.count();
    runner->check();
  }
  FakeInstance& operator[](const std::string& name) { return *fakes.at(name); }
  std::string state(const std::string& name) const;

  Journal journal;
  std::atomic<std::int64_t> clock_ns{1'000'000'000'000};
  JournalObserver observer{journal};
  std::map<std::string, FakeInstance*> fakes;
  std::unique_ptr<Runner> runner;
  bool started = false;
};

inline Outcome fail_with(std::string message, Code code = Code::internal) {
  return Outcome::failure({code, std::move(message), {}, 0, ExitCode::unavailable});
}

}  // namespace tenon::test
