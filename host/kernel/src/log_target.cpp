#include "log_target.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "log_level.hpp"

namespace tenon::host {
namespace {

constexpr spdlog::level::level_enum spdlog_levels[] = {spdlog::level::trace, spdlog::level::debug, spdlog::level::info,
                                                       spdlog::level::warn,  spdlog::level::err,   spdlog::level::critical};

}  // namespace

void LogTarget::put(std::string_view line, int level, std::uint64_t seq) noexcept {
  seq_ = seq;
  spdlog::details::log_msg message;  // neither time nor thread: both are in the line
  message.level = spdlog_levels[named_level(level) / 10];
  message.payload = spdlog::string_view_t(line.data(), line.size());
  try {
    log(message);
  } catch (...) {  // out of memory
    lose(seq, 1);
  }
}

void LogTarget::lose(std::uint64_t first_seq, std::uint64_t lines) {
  first_lost_ = lost_ == 0 ? first_seq : std::min(first_lost_, first_seq);
  last_lost_ = seq_;
  lost_ += lines;
}

std::string LogTarget::lost_text() const {
  if (lost_ == 1) return "1 line was lost (seq " + std::to_string(first_lost_) + ")";
  return std::to_string(lost_) + " lines were lost (between seq " + std::to_string(first_lost_) + " and " + std::to_string(last_lost_) +
         ")";
}

void LogTarget::broke(int error) noexcept {
  if (std::exchange(broken_, true)) return;
  say(
      tenon::host::error, [&] { return Error::system(error, describe() + " cannot be written").message; }, !is_stderr_);
}

void LogTarget::works() noexcept {
  if (!std::exchange(broken_, false)) return;
  say(warn, [&] { return describe() + " can be written again" + (lost_ == 0 ? "; nothing was lost" : "; " + lost_text()); });
  lost_ = 0;
}

void LogTarget::abandon_pending() {
  const std::string_view left = pending();
  if (!left.empty()) lose(pending_since_, static_cast<std::uint64_t>(std::count(left.begin(), left.end(), '\n')));
  if (lost_ != 0) say(warn, [&] { return describe() + " was given up while it could not be written; " + lost_text(); });
  lost_ = 0;
}

std::int64_t write_patiently(int fd, std::string_view bytes, int patience_ms) noexcept {
  std::size_t done = 0;
  while (done < bytes.size()) {
    pollfd state{fd, POLLOUT, 0};
    const int ready = poll(&state, 1, patience_ms);
    if (ready < 0 && errno == EINTR) continue;
    int error = 0;
    if (ready < 0) {
      error = errno;
    } else if (ready == 0) {
      error = EAGAIN;
    } else if ((state.revents & POLLNVAL) != 0) {
      error = EBADF;
    } else if ((state.revents & (POLLERR | POLLHUP)) != 0) {
      error = EPIPE;  // asked first: writing would raise SIGPIPE
    } else {
      // A pipe that is ready takes PIPE_BUF bytes without blocking, not more.
      const ssize_t n = write(fd, bytes.data() + done, std::min<std::size_t>(bytes.size() - done, PIPE_BUF));
      if (n >= 0) {
        done += static_cast<std::size_t>(n);
        continue;
      }
      if (errno == EINTR) continue;
      error = errno;
    }
    return done != 0 ? static_cast<std::int64_t>(done) : -error;
  }
  return static_cast<std::int64_t>(done);
}

}  // namespace tenon::host
