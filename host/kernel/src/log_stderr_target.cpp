// Standard error as a target.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.hpp"
#include "log_target.hpp"

namespace tenon::host {
namespace {

class StderrTarget final : public LogTarget {
 public:
  StderrTarget() : LogTarget(true), fd_(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) {
    struct stat status {};
    if (fd_ && fstat(fd_.get(), &status) == 0) {
      is_file_ = S_ISREG(status.st_mode);
      is_socket_ = S_ISSOCK(status.st_mode);
    }
  }

  void tick() noexcept override { write_rest(); }
  Result<void> reopen() override { return {}; }  // whoever connected it renews it
  [[nodiscard]] int fd() const override { return fd_.get(); }
  [[nodiscard]] std::string_view pending() const override { return rest_; }

 private:
  [[nodiscard]] std::string describe() const override { return "standard error"; }

  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string_view line(message.payload.data(), message.payload.size());
    if (!write_rest()) return lose_current();
    const std::size_t written = write_some(line);
    if (written == line.size()) return works();
    if (written == 0) return lose_current();
    pending_begins();
    rest_ = line.substr(written);  // finished before the next line: no reader ever sees half of one
  }
  void flush_() override { write_rest(); }

  bool write_rest() noexcept {
    if (rest_.empty()) return true;
    rest_.erase(0, write_some(rest_));
    if (!rest_.empty()) return false;
    works();
    return true;
  }

  // Returns bytes written; if it is not all of them, the target is broken.
  std::size_t write_some(std::string_view bytes) noexcept {
    const std::int64_t n = is_file_ ? write_file(bytes) : is_socket_ ? write_socket(bytes) : write_patiently(fd_.get(), bytes, patience());
    if (n < 0) broke(static_cast<int>(-n));
    const std::size_t written = n < 0 ? 0 : static_cast<std::size_t>(n);
    if (n >= 0 && written < bytes.size()) broke(EAGAIN);
    return written;
  }
  [[nodiscard]] std::int64_t write_file(std::string_view bytes) const noexcept {
    ssize_t n = 0;
    do n = write(fd_.get(), bytes.data(), bytes.size());
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
  }
  // The journal: a stream socket.
  [[nodiscard]] std::int64_t write_socket(std::string_view bytes) const noexcept {
    const ssize_t n = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n == static_cast<ssize_t>(bytes.size())) return n;
    if (n < 0 && errno != EAGAIN && errno != EINTR) return -errno;
    const std::size_t done = n < 0 ? 0 : static_cast<std::size_t>(n);
    const std::int64_t more = write_patiently(fd_.get(), bytes.substr(done), patience());
    return more < 0 && done != 0 ? static_cast<std::int64_t>(done) : static_cast<std::int64_t>(done) + more;
  }
  // A reader that pauses is waited for; one that stopped reading is not waited for with every line.
  [[nodiscard]] int patience() const { return broken() ? 0 : 100; }

  UniqueFd fd_;
  bool is_file_ = false, is_socket_ = false;
  std::string rest_;
};

}  // namespace

std::unique_ptr<LogTarget> make_stderr_target() { return std::make_unique<StderrTarget>(); }

}  // namespace tenon::host
