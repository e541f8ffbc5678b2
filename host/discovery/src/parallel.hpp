// The same work for many indices, on several threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace tenon::host {

/// Calls work(i) for each i < count, each once, in any order. `threads`: at most so many (0 = all cores), and never more than is worth starting.
/// Returns when all is done; the first exception of a call is thrown on, after the others have ended.
template <class Work>
void for_each_index(std::size_t count, unsigned threads, Work work) {
  constexpr std::size_t worth_a_thread = 4;
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto run = [&] {
    try {
      for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) work(i);
    } catch (...) {
      next.store(count);
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::thread> helpers;
  const std::size_t wanted = std::min<std::size_t>(threads, (count + worth_a_thread - 1) / worth_a_thread);
  helpers.reserve(wanted);
  try {
    for (std::size_t i = 1; i < wanted; ++i) helpers.emplace_back(run);
  } catch (const std::system_error&) {
    // No more threads to be had: those that run, and this one, do the work.
  }
  run();
  for (std::thread& helper : helpers) helper.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace tenon::host
