// A file as target: spdlog opens and writes it; buffering, rotation and recovery are here, because spdlog 1.10 truncates the file when it
// cannot rename it, writes through a null pointer when it cannot open the new one, and does not say how much of a failed write arrived.
#include <fcntl.h>
#include <spdlog/details/file_helper.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/file.hpp"
#include "base/text.hpp"
#include "kernel/log_file.hpp"
#include "log_target.hpp"

namespace tenon::host {
namespace {

std::string quoted(std::string_view path) { return "`" + printable(path, 4096) + "`"; }

/// The file while it is open. The stream has no buffer of its own, so that one write of spdlog is one write(2).
class OpenFile {
 public:
  static Result<std::unique_ptr<OpenFile>> open(const std::string& path);

  [[nodiscard]] int fd() const { return fd_; }
  /// Bytes in the file; 0 for a device.
  [[nodiscard]] std::uint64_t size() const {
    struct stat status {};
    return fstat(fd(), &status) == 0 && S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
  }
  /// Appends all, or returns errno and how much of it arrived.
  int write(const spdlog::memory_buf_t& bytes, std::size_t& written) noexcept;

 private:
  OpenFile() : file_(handlers()) {}
  spdlog::file_event_handlers handlers() {
    spdlog::file_event_handlers out;
    out.after_open = [this](const spdlog::filename_t&, std::FILE* stream) {
      stream_ = stream;
      fd_ = fileno(stream);
      std::setvbuf(stream, nullptr, _IONBF, 0);
      fcntl(fd_, F_SETFD, FD_CLOEXEC);
    };
    return out;
  }

  std::FILE* stream_ = nullptr;
  int fd_ = -1;
  spdlog::details::file_helper file_;
};

// Sets errno.
bool can_be_made(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return ::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

// Asks the kernel before spdlog does: that retries for 50 ms, would wait for ever for the reader of a FIFO, and gives others the right to
// read a new file.
Result<void> check_path(const std::string& path, bool create) {
  const UniqueFd probe(::open(path.c_str(), O_WRONLY | O_APPEND | (create ? O_CREAT : 0) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640));
  if (!probe && !create && errno == ENOENT && can_be_made(path)) return {};
  if (!probe) return Error::system(errno, "cannot open the log file " + quoted(path), ExitCode::cannot_create);
  struct stat status {};
  if (fstat(probe.get(), &status) != 0) return Error::system(errno, "cannot inspect the log file " + quoted(path));
  if (S_ISREG(status.st_mode) || (S_ISCHR(status.st_mode) && isatty(probe.get()) == 0)) return {};
  return Error{.code = Code::failed_precondition,
               .message = "the log file " + quoted(path) + " is neither a file nor a device such as /dev/null",
               .reason = "NOT_A_FILE",
               .exit = ExitCode::cannot_create};
}

Result<std::unique_ptr<OpenFile>> OpenFile::open(const std::string& path) {
  if (Result<void> checked = check_path(path, true); !checked) return checked.error();
  try {
    std::unique_ptr<OpenFile> file(new OpenFile);
    file->file_.open(path);
    return file;
  } catch (const std::exception& e) {
    return Error{.code = Code::unavailable, .message = printable(e.what(), 1000), .reason = "NOT_OPENED", .exit = ExitCode::cannot_create};
  }
}

int OpenFile::write(const spdlog::memory_buf_t& bytes, std::size_t& written) noexcept {
  const std::uint64_t before = size();
  errno = 0;
  try {
    file_.write(bytes);
    written = bytes.size();
    return 0;
  } catch (...) {
    const int error = errno == 0 ? EIO : errno;
    std::clearerr(stream_);
    // Opened for appending: the position is behind what arrived.
    const auto after = static_cast<std::int64_t>(lseek(fd(), 0, SEEK_CUR)) - static_cast<std::int64_t>(before);
    written = std::min(after > 0 ? static_cast<std::size_t>(after) : 0, bytes.size());
    return error;
  }
}

class FileTarget final : public LogTarget {
 public:
  FileTarget(LogFileOptions options, std::unique_ptr<OpenFile> file)
      : LogTarget(false), options_(std::move(options)), file_(std::move(file)) {
    buffer_.reserve(capacity);
    size_ = file_->size();
  }

  void tick() noexcept override {
    rotation_due_ = true;
    write_out();
  }
  Result<void> reopen() override {
    write_out();
    Result<std::unique_ptr<OpenFile>> file = OpenFile::open(options_.path);
    if (!file) return file.error();
    use(std::move(*file));
    write_out();
    return {};
  }
  [[nodiscard]] int fd() const override { return file_->fd(); }
  [[nodiscard]] std::string_view pending() const override { return {buffer_.data(), buffer_.size()}; }

 private:
  static constexpr std::size_t capacity = 64U << 10U;

  [[nodiscard]] std::string describe() const override { return "the log file " + quoted(options_.path); }

  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::size_t n = message.payload.size();
    // The size is asked for again before a rotation: others may have truncated the file.
    if (over_limit(n) && rotation_due_ && write_out() && over_limit(n)) rotate();
    if (buffer_.size() + n > capacity && (broken() || !write_out())) return lose_current();
    if (buffer_.size() == 0) pending_begins();
    buffer_.append(message.payload.data(), message.payload.data() + n);
    size_ += n;
    if (message.level >= spdlog::level::warn && !broken()) write_out();
  }
  void flush_() override { write_out(); }

  [[nodiscard]] bool over_limit(std::size_t n) const { return options_.max_size != 0 && size_ != 0 && size_ + n > options_.max_size; }

  // True if nothing is pending. What did not arrive stays, to the byte, and goes first next time: no line is torn or doubled.
  bool write_out() noexcept {
    if (buffer_.size() == 0) return true;
    std::size_t written = 0;
    const int error = file_->write(buffer_, written);
    if (error != 0) {
      std::memmove(buffer_.data(), buffer_.data() + written, buffer_.size() - written);
      buffer_.resize(buffer_.size() - written);
      broke(error);
      return false;
    }
    buffer_.clear();
    if (options_.max_size != 0) size_ = file_->size();
    works();
    return true;
  }

  void use(std::unique_ptr<OpenFile> file) {
    file_ = std::move(file);
    size_ = file_->size() + buffer_.size();
  }

  // app.log > app.1.log > app.2.log ... Nothing is pending. At worst the current file stays in use and grows; that is tried again after the next tick.
  void rotate() {
    rotation_due_ = false;
    if (int error = shift_files(); error != 0) return rotation_failed(Error::system(error, describe() + " cannot be rotated").message);
    Result<std::unique_ptr<OpenFile>> file = OpenFile::open(options_.path);
    if (!file) {
      if (options_.max_files != 0) std::rename(rotated(1).c_str(), options_.path.c_str());
      return rotation_failed(describe() + " cannot be rotated: " + file.error().message);
    }
    use(std::move(*file));
    rotation_due_ = true;
    if (std::exchange(rotation_failed_, false)) say(info, [&] { return describe() + " is rotated again"; });
  }
  void rotation_failed(const std::string& why) {
    if (!std::exchange(rotation_failed_, true)) say(tenon::host::error, [&] { return why + "; it grows beyond its limit"; });
  }

  [[nodiscard]] std::string rotated(std::size_t i) const { return spdlog::sinks::rotating_file_sink_st::calc_filename(options_.path, i); }
  // Returns errno. Only names up to the first free one move.
  [[nodiscard]] int shift_files() const {
    if (options_.max_files == 0) return unlink(options_.path.c_str()) == 0 || errno == ENOENT ? 0 : errno;
    std::size_t free = 1;
    while (free < options_.max_files && access(rotated(free).c_str(), F_OK) == 0) ++free;
    for (std::size_t i = free; i > 0; --i)
      if (std::rename(rotated(i - 1).c_str(), rotated(i).c_str()) != 0 && errno != ENOENT) return errno;
    return 0;
  }

  const LogFileOptions options_;
  std::unique_ptr<OpenFile> file_;
  spdlog::memory_buf_t buffer_;
  std::uint64_t size_ = 0;  ///< of the file, the buffer included
  bool rotation_due_ = true, rotation_failed_ = false;
};

}  // namespace

Result<std::unique_ptr<LogTarget>> make_file_target(const LogFileOptions& options) {
  Result<std::unique_ptr<OpenFile>> file = OpenFile::open(options.path);
  if (!file) return file.error();
  return std::unique_ptr<LogTarget>(std::make_unique<FileTarget>(options, std::move(*file)));
}

Result<void> look_at_log_file(const std::string& path) { return check_path(path, false); }

}  // namespace tenon::host
