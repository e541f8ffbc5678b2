// Addresses of databases: their syntax, and the passwords in them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon::host::config_room {

/// Why `url` is no database URL (`sqlite:FILE`, `postgres://…`, `postgresql://…`), as the end of a sentence that does not quote it; empty if it is one.
std::string url_problem(std::string_view url);

/// Begin and end of every password in `text`, in order: `scheme://user:password@`, and query parameters with secret names. `text` may be a URL or
/// merely contain some. Rather too much is found than too little.
std::vector<std::pair<std::size_t, std::size_t>> url_passwords(std::string_view text);
/// `text` with every password in it shown as `***`.
std::string mask_url_passwords(std::string_view text);
bool has_url_password(std::string_view text);

}  // namespace tenon::host::config_room
