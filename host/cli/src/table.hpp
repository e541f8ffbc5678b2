// Tables for people: columns as wide as their widest cell; the last one runs free.
#pragma once

#include <string>
#include <vector>

namespace tenon::host {

using TableRow = std::vector<std::string>;

/// All rows have as many cells as the first one, which is the heading.
std::string table(const std::vector<TableRow>& rows);

}  // namespace tenon::host
