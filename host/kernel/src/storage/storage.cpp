#include "kernel/storage.hpp"

#include <pthread.h>

#include <chrono>
#include <system_error>

#include "base/text.hpp"
#include "kernel/host_thread.hpp"
#include "kernel/state.hpp"

namespace tenon::host {
namespace {

Error closed_error() { return {Code::unavailable, "the storage is closed", "STORAGE_CLOSED"}; }

/// What a thread that waits for the writer shares with it: the thread may give up, the writer still answers.
template <class T>
class Answer {
 public:
  void give(T value) {
    {
      const std::lock_guard lock(mutex_);
      value_ = std::move(value);
    }
    given_.notify_one();
  }
  std::optional<T> wait(std::int64_t deadline_ns) {
    std::unique_lock lock(mutex_);
    const auto there = [&] { return value_.has_value(); };
    if (deadline_ns == no_deadline)
      given_.wait(lock, there);
    else
      given_.wait_until(lock, std::chrono::steady_clock::time_point(Nanos(deadline_ns)), there);
    return std::move(value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable given_;
  std::optional<T> value_;
};

}  // namespace

Result<std::unique_ptr<Storage>> Storage::open(std::unique_ptr<StorageBackend> backend, StorageOptions options) {
  std::unique_ptr<Storage> storage(new Storage(std::move(backend), std::move(options)));
  if (Result<void> r = storage->backend_->open(); !r) {
    storage->closed_ = true;
    return r.error();
  }
  try {
    storage->writer_ = host_thread([s = storage.get()] { s->write_until_closed(); });
  } catch (const std::system_error& e) {
    return Error{Code::resource_exhausted, "the system gives no thread for the storage: raise the limit of threads", "NO_THREAD",
                 e.code().value(), ExitCode::os_error};
  }
  storage->writer_id_ = storage->writer_.get_id();
  pthread_setname_np(storage->writer_.native_handle(), "storage");
  return storage;
}

Storage::Storage(std::unique_ptr<StorageBackend> backend, StorageOptions options)
    : backend_(std::move(backend)), options_(std::move(options)) {}

Storage::~Storage() { (void)close(); }

Result<void> Storage::close() {
  const std::lock_guard once(close_mutex_);
  if (closed_) return close_result_;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  work_.notify_one();
  if (writer_.joinable()) writer_.join();
  close_result_ = backend_->close();
  closed_ = true;
  return close_result_;
}

Result<NamespaceId> Storage::define(const std::string& name, const NamespaceOptions& options, std::int64_t deadline_ns) {
  return define_or_use(name, options, deadline_ns);
}

Result<void> check_namespace_name(std::string_view name) {
  if (is_dotted_name(name)) return {};
  return Error{Code::invalid_argument,
               "`" + printable(name) + "` is no namespace: words of A-Z a-z 0-9 _ - joined by dots, at most 255 bytes", "NAMESPACE_NAME"};
}

Result<NamespaceId> Storage::use(const std::string& name, std::int64_t deadline_ns) {
  if (Result<NamespaceId> there = find(name)) return there;
  return define_or_use(name, std::nullopt, deadline_ns);
}

Result<NamespaceId> Storage::define_or_use(const std::string& name, std::optional<NamespaceOptions> options, std::int64_t deadline_ns) {
  if (auto good = check_namespace_name(name); !good) return good.error();
  const auto out = std::make_shared<std::optional<Result<NamespaceId>>>();
  if (Result<void> r = run_on_writer([this, out, name, options] { *out = define_on_writer(name, options); }, deadline_ns); !r)
    return r.error();
  return std::move(**out);
}

/// Without options: as it is.
Result<NamespaceId> Storage::define_on_writer(const std::string& name, std::optional<NamespaceOptions> given) {
  Result<BackendSpace> found = backend_->space(name);
  if (!found) return found.error();
  bool was_mirrored = false;
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = spaces_.find(found->id); at != spaces_.end()) {
      if (!given) return found->id;
      was_mirrored = !at->second.options.secret;
    }
  }
  NamespaceOptions options;
  options.secret = found->secret;
  if (given) options = *given;
  if (options.secret != found->secret)
    if (Result<void> r = backend_->set_secret(found->id, options.secret); !r) return r.error();
  if (options_.state != nullptr && was_mirrored && options.secret) options_.state->close_space(found->id);
  if (options_.state != nullptr && !was_mirrored && !options.secret)
    if (Result<void> r = mirror(found->id); !r) return r.error();
  const std::lock_guard lock(mutex_);
  Space& space = spaces_[found->id];
  space.name = name;
  space.options = options;
  space.bytes = found->bytes;
  names_[name] = found->id;
  return found->id;
}

Result<void> Storage::mirror(NamespaceId id) {
  if (id >= State::max_spaces)
    return Error{Code::resource_exhausted, "the state has room for " + std::to_string(State::max_spaces) + " namespaces, and all are taken",
                 "STATE_SPACES"};
  options_.state->open_space(id);
  StorageBatch batch;
  for (StorageCursor cursor{id, {}}; !cursor.done;) {
    if (Result<void> r = backend_->scan(cursor, options_.clock(), batch); !r) {
      options_.state->close_space(id);
      return r;
    }
    for (std::size_t i = 0; i < batch.size(); ++i) options_.state->put(id, batch[i]);
  }
  options_.state->notify();
  return {};
}

Result<NamespaceId> Storage::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  if (const auto at = names_.find(name); at != names_.end()) return at->second;
  return Error{Code::not_found, "there is no namespace `" + printable(name) + "`", "NAMESPACE"};
}

Result<StorageUsage> Storage::usage(NamespaceId space) const {
  const std::lock_guard lock(mutex_);
  const auto at = spaces_.find(space);
  if (at == spaces_.end()) return Error{Code::not_found, "there is no namespace " + std::to_string(space), "NAMESPACE"};
  return StorageUsage{at->second.bytes, at->second.options.quota, at->second.options.secret};
}

std::vector<std::pair<std::string, StorageUsage>> Storage::usages() const {
  std::vector<std::pair<std::string, StorageUsage>> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, id] : names_)
    if (const auto at = spaces_.find(id); at != spaces_.end())
      out.emplace_back(name, StorageUsage{at->second.bytes, at->second.options.quota, at->second.options.secret});
  return out;
}

Result<void> Storage::get(NamespaceId space, std::string_view key, std::span<char> buffer, ValueInfo& info) {
  info.size = 0;
  Result<bool> found = backend_->get(space, key, options_.clock(), buffer, info);
  if (!found) return found.error();
  if (!*found) return Error{Code::not_found, "there is no `" + printable(key) + "`", "KEY"};
  if (info.size > buffer.size())
    return Error{Code::out_of_range, "the value has " + std::to_string(info.size) + " bytes, the buffer " + std::to_string(buffer.size()),
                 "BUFFER_TOO_SMALL"};
  return {};
}

Result<Storage::Stored> Storage::get(NamespaceId space, std::string_view key) {
  Stored out;
  out.value.resize(256);
  for (;;) {
    Result<void> r = get(space, key, std::span(out.value.data(), out.value.size()), out.info);
    if (!r && r.error().code != Code::out_of_range) return r.error();
    const bool whole = static_cast<bool>(r);
    out.value.resize(out.info.size);
    if (whole) return out;
  }
}

Result<void> Storage::scan(StorageCursor& cursor, StorageBatch& out) { return backend_->scan(cursor, options_.clock(), out); }

Result<std::uint64_t> Storage::commit(StorageTransaction transaction, std::int64_t deadline_ns) {
  if (std::this_thread::get_id() == writer_id_)
    return Error{Code::failed_precondition, "the storage's own thread cannot wait for itself: use the asynchronous commit", "REENTRANT"};
  const auto waiting = std::make_shared<Answer<Result<std::uint64_t>>>();
  if (Result<void> r = enqueue(
          std::move(transaction), [waiting](Result<std::uint64_t> o) { waiting->give(std::move(o)); }, true);
      !r)
    return r.error();
  if (std::optional<Result<std::uint64_t>> outcome = waiting->wait(deadline_ns)) return std::move(*outcome);
  return Error{Code::deadline_exceeded, "the storage has not answered in time, the transaction may still be committed", "STORAGE_DEADLINE"};
}

Result<void> Storage::commit_async(StorageTransaction transaction, Completion done) {
  return enqueue(std::move(transaction), std::move(done), !options_.executor);
}

Result<std::uint64_t> Storage::put(NamespaceId space, std::string_view key, std::string_view value, const PutOptions& options) {
  return commit(std::move(StorageTransaction(space).put(key, value, options)));
}
Result<std::uint64_t> Storage::erase(NamespaceId space, std::string_view key, std::optional<std::uint64_t> expected) {
  return commit(std::move(StorageTransaction(space).erase(key, expected)));
}
Result<std::uint64_t> Storage::clear(NamespaceId space) { return commit(std::move(StorageTransaction(space).clear())); }

Result<void> Storage::enqueue(StorageTransaction transaction, Completion done, bool on_writer) {
  if (Result<void> r = transaction.valid(); !r) return r;
  const std::size_t bytes = transaction.bytes();
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return closed_error();
    const auto at = spaces_.find(transaction.space());
    if (at == spaces_.end()) return Error{Code::not_found, "there is no namespace " + std::to_string(transaction.space()), "NAMESPACE"};
    Space& space = at->second;
    if (queue_.size() >= options_.max_queued || queued_bytes_ + bytes > options_.max_queued_bytes ||
        space.queued >= options_.max_queued / 4 || space.queued_bytes + bytes > options_.max_queued_bytes / 4)
      return Error{Code::resource_exhausted,
                   "too many transactions wait to be written to `" + space.name + "`: wait for those that were sent", "STORAGE_QUEUE_FULL"};
    const bool durable = transaction.durable().value_or(space.options.durability == NamespaceOptions::Durability::full);
    queue_.push_back({std::move(transaction), std::move(done), on_writer, {}, space.options.quota, durable});
    ++space.queued;
    space.queued_bytes += bytes;
    queued_bytes_ += bytes;
  }
  work_.notify_one();
  return {};
}

Result<void> Storage::post_to_writer(std::function<void()> action) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return closed_error();
    Job job;
    job.action = std::move(action);
    queue_.push_back(std::move(job));
  }
  work_.notify_one();
  return {};
}

/// The action may run later than this returns, unless there is no deadline.
Result<void> Storage::run_on_writer(std::function<void()> action, std::int64_t deadline_ns) {
  if (std::this_thread::get_id() == writer_id_)
    return Error{Code::failed_precondition, "the storage's own thread cannot wait for itself", "REENTRANT"};
  const auto ran = std::make_shared<Answer<bool>>();
  if (Result<void> r = post_to_writer([action = std::move(action), ran] {
        action();
        ran->give(true);
      });
      !r)
    return r;
  if (ran->wait(deadline_ns)) return {};
  return Error{Code::deadline_exceeded, "the storage has not answered in time", "STORAGE_DEADLINE"};
}

StorageStatistics Storage::statistics() const {
  StorageStatistics out{committed_, refused_, failed_, groups_, expired_, 0, disk_full_};
  const std::lock_guard lock(mutex_);
  out.queued = queue_.size();
  return out;
}

}  // namespace tenon::host
