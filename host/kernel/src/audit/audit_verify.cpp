#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <vector>

#include "audit_line.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

#include <unistd.h>

namespace tenon::host {
namespace {

constexpr std::size_t max_findings = 100;
constexpr std::size_t max_line = 256 * 1024;  // the longest record has about 40 KiB
constexpr std::size_t block = 256 * 1024;

class Verifier {
 public:
  explicit Verifier(std::optional<AuditSeal> head) : head_(std::move(head)) {}

  void line(std::string_view text) {
    ++line_;
    const std::optional<ReadSeal> read = read_audit_line(text);
    if (!read) {
      // A line that a crash or a full disk tore: the record behind it tells of it, or of several with the newlines between them.
      torn_size_ += text.size() + (torn_lines_ == 0 ? 0 : 1);
      ++torn_lines_;
      return;
    }
    const AuditSeal& seal = read->seal;
    end_torn(line_, read->intact && torn_bytes(text) == torn_size_);
    if (!read->intact) tell(line_, "was changed: its hash is not that of its text");
    if (report.records == 0) {
      report.first_seq = seal.seq;
      if (seal.seq == 1 && seal.prev != audit_chain_begin) tell(line_, "is number 1, but does not begin a chain");
    } else {
      if (seal.seq != last_.seq + 1)
        tell(line_, "has the number " + std::to_string(seal.seq) + " behind " + std::to_string(last_.seq) +
                        ": records were removed, added or moved");
      else if (seal.prev != last_.hash)
        tell(line_, "does not continue the record before it");
    }
    if (head_ && seal.seq == head_->seq) {
      head_seen_ = true;
      if (seal.hash != head_->hash) tell(line_, "is not the record that was noted as number " + std::to_string(seal.seq));
    }
    last_ = seal;
    ++report.records;
  }

  void end(std::string_view rest) {
    if (const auto read = read_audit_line(rest); read && read->intact)
      line(rest);  // only its newline is missing: the next start adds it
    else if (!rest.empty())
      tell(line_ + 1, "is torn: " + std::to_string(rest.size()) + " bytes without an end; the next start tells of it");
    end_torn(line_ + 1, false);
    if (head_ && !head_seen_)
      tell(line_, "is the last one, but record " + std::to_string(head_->seq) + " was noted as written: the file was cut or exchanged");
    report.last_seq = last_.seq;
    report.last_hash = last_.hash;
  }

  /// `next` is the line behind those that are no records.
  void end_torn(std::uint64_t next, bool told) {
    for (std::uint64_t i = torn_lines_; !told && i > 0 && report.findings.size() < max_findings; --i) tell(next - i, "is no record");
    torn_lines_ = 0;
    torn_size_ = 0;
  }

  void tell(std::uint64_t line, std::string what) {
    if (report.findings.size() < max_findings) report.findings.push_back({line, std::move(what)});
  }

  AuditReport report;

 private:
  std::optional<AuditSeal> head_;
  bool head_seen_ = false;
  AuditSeal last_;
  std::uint64_t line_ = 0, torn_lines_ = 0;
  std::size_t torn_size_ = 0;
};

}  // namespace

Result<AuditReport> verify_audit(const std::string& path) {
  const auto cannot = [&path](const char* what) {
    return Error::system(errno, std::string(what) + " `" + printable(path, 4096) + "`",
                         errno == ENOENT   ? ExitCode::no_input
                         : errno == EACCES ? ExitCode::no_permission
                                           : ExitCode::io_error);
  };
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return cannot("cannot open");
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return cannot("cannot examine");
  if (!S_ISREG(st.st_mode))
    return Error{Code::invalid_argument, "`" + printable(path, 4096) + "` is no regular file", "NO_FILE", 0, ExitCode::no_input};

  // The note first: records that a running daemon adds meanwhile are behind it.
  const auto noted = read_text_file(audit_head_path(path), 256);
  Verifier verifier(noted ? read_audit_head(*noted) : std::nullopt);
  if (noted && !read_audit_head(*noted)) verifier.tell(0, "the note `" + printable(audit_head_path(path), 4096) + "` is damaged");

  std::vector<char> buffer(block);
  std::string open_line;
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return cannot("cannot read");
    if (n == 0) break;
    std::string_view rest(buffer.data(), static_cast<std::size_t>(n));
    for (std::size_t at = rest.find('\n'); at != std::string_view::npos; at = rest.find('\n')) {
      open_line.append(rest.substr(0, at));
      verifier.line(open_line);
      open_line.clear();
      rest.remove_prefix(at + 1);
    }
    open_line.append(rest);
    if (open_line.size() > max_line)
      return Error{Code::data_loss, "`" + printable(path, 4096) + "` is no audit file: a line of more than 256 KiB", "NO_AUDIT_FILE", 0,
                   ExitCode::data_error};
  }
  verifier.end(open_line);
  return std::move(verifier.report);
}

}  // namespace tenon::host
