// What tests of the worker pool and of tasks share: latches that fail instead of hanging, and jobs made of lambdas.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/owner.hpp"
#include "kernel/workers.hpp"
#include "waiting.hpp"

namespace tenon::host::test {

using tenon::test::Counter;
using tenon::test::long_enough;
using tenon::test::soon;

/// Closed until opened. Whoever is expected has left it before it is gone.
class Barrier {
 public:
  ~Barrier() {
    open();
    CHECK(left_.reaches(expected_));
  }
  void expect(int n) { expected_ += n; }
  void open() { counter_.add(); }
  void pass() {
    CHECK(counter_.reaches(1));
    left_.add();
  }

 private:
  Counter counter_, left_;
  int expected_ = 0;
};

/// Jobs from lambdas, with what became of them counted. Outlives the pool.
class Jobs {
 public:
  ~Jobs() { CHECK(ends.value() == taken_); }  // each end exactly once; the pool is gone

  Result<void> post(WorkerPool& pool, Owner& owner, std::function<void()> body, Job job = {}) {
    auto* box = new Box{std::move(body), this};
    job.run = [](void* data) noexcept { static_cast<Box*>(data)->body(); };
    job.end = [](void* data, JobEnd how) noexcept {
      auto* b = static_cast<Box*>(data);
      Jobs& jobs = *b->jobs;
      delete b;
      ++(how == JobEnd::ran ? jobs.ran : jobs.dropped);
      jobs.ends.add();
    };
    job.data = box;
    auto posted = pool.post(owner, job);
    if (posted)
      ++taken_;
    else
      delete box;
    return posted;
  }
  std::atomic<int> ran{0}, dropped{0};
  Counter ends;

 private:
  struct Box {
    std::function<void()> body;
    Jobs* jobs;
  };
  std::atomic<int> taken_{0};
};

inline WorkerPool::Options size(std::uint32_t threads, std::uint32_t max_threads) {
  WorkerPool::Options out;
  out.threads = threads;
  out.max_threads = max_threads;
  return out;
}

/// Fills every wanted thread of a pool with jobs of one owner that wait at a barrier.
inline void occupy(WorkerPool& pool, Jobs& jobs, Owner& owner, Barrier& barrier, int n, Job job = {}) {
  Counter inside;
  barrier.expect(n);
  for (int i = 0; i < n; ++i)
    REQUIRE(jobs.post(
        pool, owner,
        [&] {
          inside.add();
          barrier.pass();
        },
        job));
  REQUIRE(inside.reaches(n));
}

}  // namespace tenon::host::test
