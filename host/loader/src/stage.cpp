#include "stage.hpp"

#include <algorithm>
#include <new>
#include <system_error>

namespace tenon::host {

Loader::Stage::Stage(const ModuleStore* store, std::vector<StoreRequest> requests, std::vector<bool> wanted,
                     std::vector<std::uint32_t> order)
    : store_(store),
      requests_(std::move(requests)),
      wanted_(std::move(wanted)),
      order_(std::move(order)),
      claimed_(requests_.size()),
      results_(requests_.size()) {
  const auto useful = static_cast<std::size_t>(std::count(wanted_.begin(), wanted_.end(), true));
  // The loading thread is one more.
  const std::size_t helpers = std::min<std::size_t>(std::max(1U, std::thread::hardware_concurrency()) - 1, useful / 8);
  threads_.reserve(helpers);
  try {
    for (std::size_t i = 0; i < helpers; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // No more threads to be had: whoever takes a file prepares it.
  }
}

Loader::Stage::~Stage() {
  next_.store(order_.size());
  for (std::thread& t : threads_) t.join();
}

void Loader::Stage::work() {
  for (std::size_t i = next_.fetch_add(1); i < order_.size(); i = next_.fetch_add(1))
    if (wanted_[order_[i]] && claim(order_[i])) prepare(order_[i]);
}

void Loader::Stage::prepare(std::uint32_t index) {
  Result<std::string> result = [&]() -> Result<std::string> {
    try {
      return store_->provide(requests_[index]);
    } catch (const std::bad_alloc&) {
      return Error{Code::resource_exhausted, "out of memory while preparing the store's copy", "NO_MEMORY", 0, ExitCode::os_error};
    }
  }();
  const std::lock_guard lock(mutex_);
  results_[index] = std::move(result);
  done_.notify_all();
}

Result<std::string> Loader::Stage::take(std::uint32_t index) {
  if (!wanted_[index]) return requests_[index].source_path;
  if (claim(index)) prepare(index);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return results_[index].has_value(); });
  return std::move(*results_[index]);
}

}  // namespace tenon::host
