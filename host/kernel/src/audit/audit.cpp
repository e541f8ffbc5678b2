#include "kernel/audit.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "audit_line.hpp"
#include "audit_tail.hpp"
#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "kernel/host_thread.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t max_actors = 1024;  // that the rate limit remembers; more share one account
constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t between_tellings_ns = 60 * second_ns;  // while records are lost

struct Account {
  std::int64_t second = 0;
  std::uint32_t records = 0;
  std::uint64_t dropped = 0;
};

}  // namespace

struct AuditLog::Impl {
  AuditOptions options;
  mutable std::mutex mutex;
  UniqueFd fd;
  struct stat identity {};
  off_t size = 0;
  AuditSeal last{0, {}, std::string(audit_chain_begin)};
  std::size_t torn = 0;  ///< bytes at the end of the file that are no line
  bool unended = false;  ///< the last record lacks its newline
  std::uint64_t lost = 0, lost_untold = 0;
  std::uint64_t lost_told = 0;  ///< of `lost`, how many the console has heard of
  std::int64_t told_ns = 0;     ///< when; 0: nothing is amiss
  bool unwritable = false;      ///< records were lost because the file took none, and the end of that is not told yet
  int write_error = 0;          ///< errno of the last refused write
  bool dirty = false;           ///< written, not yet durable
  struct Left {
    UniqueFd fd;
    std::uint64_t seq;  ///< of its last record
  };
  std::vector<Left> left;     ///< files that were rotated away with records that are not durable yet
  std::uint64_t settled = 0;  ///< number of the last record that is durable, or was told not to be
  bool untrusted = false;     ///< the disk has refused records of the file
  std::map<std::string, Account, std::less<>> accounts;

  std::thread syncer;  ///< started when there is something to make durable
  std::condition_variable wake;
  bool sync_wanted = false, ending = false;
  bool syncing = false;  ///< a thread is at the disk, without the mutex

  [[nodiscard]] std::int64_t now() const { return options.clock ? options.clock() : realtime_ns(); }

  Result<void> open_file(bool starting);
  void begin_after(const AuditSeal& before);
  bool put(std::string_view text);
  bool emit(const AuditEvent& event);  ///< to the file
  bool say_lost();
  /// To the console, without the mutex: that is the log, whose receivers are code of modules.
  void say(const AuditEvent& event) const {
    if (options.console) options.console(event);
  }
  void say_drops() noexcept;
  void lose() { ++lost, ++lost_untold, unwritable = true; }
  void say_losses(bool at_end) noexcept;
  bool write_record(const AuditEvent& event);
  bool admit(const AuditEvent& event, std::int64_t now_ns);
  void follow_path();
  void look_after();
  void sync(std::unique_lock<std::mutex>& lock);
  void say_unsynced(std::uint64_t records, int error, bool here);
  void sync_loop();
};

Result<void> AuditLog::Impl::open_file(bool starting) {
  const std::string& path = options.path;
  struct stat st {};
  Result<UniqueFd> opened = open_audit_file(path, true, ::geteuid(), st);
  if (!opened) return opened.error();
  UniqueFd next = std::move(*opened);
  if (::flock(next.get(), LOCK_EX | LOCK_NB) != 0)
    return Error{Code::unavailable, "another process writes the audit file `" + printable(path, 4096) + "`", "AUDIT_LOCKED", 0,
                 ExitCode::try_again};
  Result<AuditTail> tail = read_audit_tail(next.get(), st.st_size, path);
  if (!tail) return tail.error();
  std::optional<AuditSeal> goes_on;
  if (const auto noted = starting ? read_audit_note(path) : std::nullopt) {
    if (st.st_size == 0)
      goes_on = noted;  // it was rotated, or emptied, while nobody wrote: the number of the next record tells
    else if (Result<void> as_noted = check_audit_note(path, tail->last, *noted); !as_noted)
      return as_noted;
  }
  // Under the lock of the file: nobody else makes notes.
  remove_temporaries(audit_head_path(path));
  if (fd && dirty) left.push_back({std::move(fd), last.seq});
  fd = std::move(next);
  identity = st;
  size = st.st_size;
  torn = tail->torn;
  unended = tail->unended;
  // An empty file after one of ours goes on with the chain: it was rotated.
  if (tail->last.seq != 0 || last.seq == 0) last = tail->last;
  settled = starting ? (goes_on ? goes_on->seq : last.seq) : std::min(settled, last.seq);
  untrusted = false;
  if (goes_on) begin_after(*goes_on);
  return {};
}

// The first record of a file that goes on with another one's chain.
void AuditLog::Impl::begin_after(const AuditSeal& before) {
  ::unlink(audit_head_path(options.path).c_str());  // it is about the other file
  if (last.seq == 0) last = before;
  const std::string seq = std::to_string(before.seq);
  if (!emit({"audit.continued", "info", "host", {}, {}, "ok", {{"after", seq}}})) lose();
}

// All or nothing, as far as the file system lets: what is left of a failed write is taken back, or told as torn.
bool AuditLog::Impl::put(std::string_view text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(fd.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      write_error = n < 0 ? errno : ENOSPC;
      if (done > 0 && ::ftruncate(fd.get(), size) != 0) {
        size += static_cast<off_t>(done);
        torn += unended ? done - 1 : done;  // the newline that came first has ended the last record
        unended = false;
      }
      return false;
    }
    done += static_cast<std::size_t>(n);
  }
  size += static_cast<off_t>(done);
  dirty = true;
  return true;
}

bool AuditLog::Impl::write_record(const AuditEvent& event) {
  AuditSeal seal{last.seq + 1, last.hash, {}};
  std::string line = make_audit_line(event, now(), seal);
  line += '\n';
  if (torn > 0 || unended) line.insert(line.begin(), '\n');  // after a torn line this is the record that tells of it
  if (!fd || !put(line)) return false;
  torn = 0;
  unended = false;
  last = std::move(seal);
  return true;
}

void AuditLog::Impl::say_drops() noexcept {
  try {
    std::vector<std::pair<std::string, std::string>> over;
    {
      const std::lock_guard lock(mutex);
      for (const auto& [actor, account] : accounts)
        if (account.dropped != 0) over.emplace_back(actor, std::to_string(account.dropped));
      for (auto& [actor, account] : accounts) account.dropped = 0;
    }
    for (const auto& [actor, records] : over) say({"audit.dropped", "warn", actor, {}, {}, "ok", {{"records", records}}});
  } catch (...) {  // out of memory: the next tick does it
  }
}

// What the file cannot say while it takes nothing: to the console at once, then each minute how many more, and when it takes records again.
void AuditLog::Impl::say_losses(bool at_end) noexcept {
  try {
    std::uint64_t records = 0, all = 0;
    int error = 0;
    bool over = false;
    {
      const std::lock_guard lock(mutex);
      const std::int64_t at = now();
      over = unwritable && lost_untold == 0;
      if (lost != lost_told && (over || at_end || told_ns == 0 || at < told_ns || at - told_ns >= between_tellings_ns)) {
        records = lost - std::exchange(lost_told, lost);
        told_ns = at;
      }
      all = lost;
      error = write_error;
      if (over) unwritable = false;
      if (!unwritable) told_ns = write_error = 0;
    }
    const std::string total = std::to_string(all), count = std::to_string(records);
    if (records != 0) {
      const std::string why = error != 0 ? std::generic_category().message(error) : "out of memory, or no answer from the disk";
      say({"audit.lost", "error", "host", options.path, {}, "failed", {{"records", count}, {"in_all", total}, {"error", why}}});
    }
    if (over) say({"audit.written_again", "info", "host", options.path, {}, "ok", {{"lost_in_all", total}}});
  } catch (...) {  // out of memory: the next tick tells of the next ones
  }
}

bool AuditLog::Impl::emit(const AuditEvent& event) {
  if (!say_lost()) return false;
  return write_record(event);
}

// In the file, of what happened to it.
bool AuditLog::Impl::say_lost() {
  if (torn > 0) {
    const std::string bytes = std::to_string(torn);
    if (!write_record({"audit.torn", "warn", "host", {}, {}, "ok", {{"bytes", bytes}}})) return false;
  }
  if (lost_untold > 0) {
    const std::string records = std::to_string(lost_untold);
    if (!write_record({"audit.lost", "error", "host", {}, {}, "failed", {{"records", records}}})) return false;
    lost_untold = 0;
  }
  return true;
}

bool AuditLog::Impl::admit(const AuditEvent& event, std::int64_t now_ns) {
  if (options.rate == 0 || event.actor == "host") return true;
  auto found = accounts.find(event.actor);
  if (found == accounts.end()) found = accounts.try_emplace(accounts.size() < max_actors ? std::string(event.actor) : std::string()).first;
  Account& account = found->second;
  if (account.second != now_ns / second_ns) {
    account.second = now_ns / second_ns;
    account.records = 0;
  }
  if (account.records < options.rate) {
    ++account.records;
    return true;
  }
  ++account.dropped;
  return false;
}

// Somebody rotated or removed the file: goes on in the one that has its name now.
void AuditLog::Impl::follow_path() {
  struct stat st {};
  if (::stat(options.path.c_str(), &st) == 0 && st.st_dev == identity.st_dev && st.st_ino == identity.st_ino) return;
  const AuditSeal before = last;
  if (open_file(false)) begin_after(before);  // else the old file is still open; tried again at the next tick
}

// Reports what the rate limit dropped, follows a file that was rotated.
void AuditLog::Impl::look_after() {
  if (lost_untold > 0) static_cast<void>(say_lost());  // there may be space again, though nobody records anything
  for (auto& [actor, account] : accounts) {
    if (account.dropped == 0) continue;
    const std::string records = std::to_string(account.dropped);
    if (emit({"audit.dropped", "warn", actor, {}, {}, "ok", {{"records", records}}})) account.dropped = 0;
  }
  follow_path();
}

// Waits for the disk without the mutex; one thread at a time, so that what another one has begun is done when this returns, and notes follow each
// other.
void AuditLog::Impl::sync(std::unique_lock<std::mutex>& lock) {
  wake.wait(lock, [this] { return !syncing; });
  if (!fd || (!dirty && left.empty())) return;
  const UniqueFd same(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!same) return;  // the next tick tries again
  const AuditSeal noted = last;
  const ino_t inode = identity.st_ino;
  const bool notes = !untrusted;
  std::vector<Left> before = std::exchange(left, {});
  std::uint64_t reached = settled, records = 0;
  dirty = false;
  syncing = true;
  lock.unlock();
  int refused_before = 0, refused = 0;  // errno
  const auto ends_at = [&](std::uint64_t seq, bool kept) {
    if (!kept && seq > reached) records += seq - reached;
    reached = std::max(reached, seq);
  };
  for (const Left& file : before) {
    const bool kept = ::fdatasync(file.fd.get()) == 0;
    if (!kept) refused_before = errno;
    ends_at(file.seq, kept);
  }
  if (::fdatasync(same.get()) != 0) refused = errno;
  ends_at(noted.seq, refused == 0);
  before.clear();
  // The note has to be on the disk before it takes its place, else a loss of power may leave an empty one there.
  const bool made = notes && refused == 0 && make_audit_note(options.path, noted);
  lock.lock();
  syncing = false;
  wake.notify_all();
  settled = noted.seq;
  const bool still_here = inode == identity.st_ino;
  if (refused != 0 || refused_before != 0) say_unsynced(records, refused != 0 ? refused : refused_before, refused != 0 && still_here);
  // That it has its place need not be durable: an older one is as true.
  if (made && still_here && !untrusted)
    dirty = !put_audit_note(options.path) || dirty;
  else if (notes && !made && refused == 0)
    dirty = true;
}

// What the disk has refused is given up by the system: asked again, it would say that all is well. So nothing is asked again, it is said once,
// and the end of the file is not noted any more: an older note stays true.
void AuditLog::Impl::say_unsynced(std::uint64_t records, int error, bool here) {
  lost += records;
  write_error = error;
  if (here && std::exchange(untrusted, true)) return;
  try {
    const std::string count = std::to_string(records), why = std::generic_category().message(error);
    if (!emit({"audit.unsynced", "error", "host", {}, {}, "failed", {{"records", count}, {"error", why}}})) lose();
  } catch (const std::bad_alloc&) {
    lost_untold += records;  // audit.lost tells of them then
  }
}

void AuditLog::Impl::sync_loop() {
  std::unique_lock lock(mutex);
  for (;;) {
    wake.wait(lock, [this] { return sync_wanted || ending; });
    if (ending) return;
    sync_wanted = false;
    try {
      sync(lock);
    } catch (...) {  // out of memory: the next tick tries again
      if (!lock.owns_lock()) lock.lock();
      dirty = true;
    }
  }
}

Result<std::unique_ptr<AuditLog>> AuditLog::open(AuditOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  if (impl->options.writer == AuditWriter::file)
    if (Result<void> opened = impl->open_file(true); !opened) return opened.error();
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(impl)));
}

AuditLog::AuditLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AuditLog::~AuditLog() {
  tick();
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
    impl_->wake.notify_all();
  }
  if (impl_->syncer.joinable()) impl_->syncer.join();
  flush();
}

void AuditLog::flush() noexcept {
  if (impl_->options.writer == AuditWriter::console) return impl_->say_drops();
  if (impl_->options.writer == AuditWriter::none) return;
  std::unique_lock lock(impl_->mutex);
  try {
    impl_->look_after();
    if (impl_->fd) impl_->sync(lock);  // on this thread: another one at the disk would only hold up the end of the process
  } catch (...) {                      // out of memory: the records are written, though perhaps not on the disk yet
  }
  if (lock.owns_lock()) lock.unlock();
  impl_->say_losses(true);
}

void AuditLog::record(const AuditEvent& event) noexcept {
  if (impl_->options.writer == AuditWriter::none) return;
  std::unique_lock lock(impl_->mutex);
  try {
    if (!impl_->admit(event, impl_->now())) return;
    if (impl_->options.writer == AuditWriter::console) {
      lock.unlock();
      return impl_->say(event);
    }
    if (impl_->emit(event)) return;
  } catch (...) {  // out of memory: counted as any other record that could not be written
  }
  if (!lock.owns_lock()) lock.lock();
  impl_->lose();
}

void AuditLog::tick() noexcept {
  if (impl_->options.writer == AuditWriter::none) return;
  if (impl_->options.writer == AuditWriter::console) return impl_->say_drops();
  std::unique_lock lock(impl_->mutex);
  try {
    impl_->look_after();
    lock.unlock();
    impl_->say_losses(false);
    lock.lock();
    if ((!impl_->dirty && impl_->left.empty()) || !impl_->fd || impl_->ending) return;
    if (!impl_->syncer.joinable()) impl_->syncer = host_thread([impl = impl_.get()] { impl->sync_loop(); });
    impl_->sync_wanted = true;
    impl_->wake.notify_all();
  } catch (...) {  // out of memory or threads: the next tick does it
  }
}

Result<std::string> set_aside_audit(const std::string& path) {
  char time[28];
  format_rfc3339(realtime_ns(), time);
  std::string stamp;
  for (const char c : std::string_view(time).substr(0, 19))
    if (c != '-' && c != ':') stamp += c;
  const std::string first = path + ".damaged-" + stamp + "Z";
  std::string aside = first;
  for (int n = 2;; ++n) {
    if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, aside.c_str(), RENAME_NOREPLACE) == 0) break;
    if (errno != EEXIST || n > 1000) return audit_file_error("cannot set aside", path, ExitCode::cannot_create);
    aside = first + "-" + std::to_string(n);
  }
  // A note that is not there, or cannot be moved, must not be taken for one about the next file.
  if (::rename(audit_head_path(path).c_str(), audit_head_path(aside).c_str()) != 0) ::unlink(audit_head_path(path).c_str());
  return aside;
}

std::uint64_t AuditLog::lost() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->lost;
}

}  // namespace tenon::host
