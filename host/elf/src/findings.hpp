// Collects the findings of one file.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "elf/elf_report.hpp"

namespace tenon::host {

class GateFindings {
 public:
  explicit GateFindings(std::vector<ElfFinding>& out) : out_(out) {}
  void refuse(std::string code, std::string message, std::string help = {}) {
    add(Severity::error, std::move(code), std::move(message), std::move(help));
  }
  void warn(std::string code, std::string message, std::string help = {}) {
    add(Severity::warning, std::move(code), std::move(message), std::move(help));
  }
  void note(std::string code, std::string message, std::string help = {}) {
    add(Severity::note, std::move(code), std::move(message), std::move(help));
  }
  /// A table contradicts itself or points outside the file. Said once per sentence.
  void malformed(std::string message) {
    for (const ElfFinding& f : out_)
      if (f.code == "elf.malformed" && f.message == message) return;
    refuse("elf.malformed", std::move(message), "the file is damaged or was edited by hand: build or copy it again");
  }

 private:
  void add(Severity severity, std::string code, std::string message, std::string help) {
    out_.push_back({severity, std::move(code), std::move(message), std::move(help)});
  }
  std::vector<ElfFinding>& out_;
};

}  // namespace tenon::host
