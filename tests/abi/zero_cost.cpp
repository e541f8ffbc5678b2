// Pairs of functions, c_<name> and cpp_<name>, that do the same in C and through the wrapper. zero_cost.py compares their instructions.
#include <tenon/tenon.hpp>

struct Direct {
  tenon_ctx* ctx;
  const tenon_log* table;
};

extern "C" {

void c_log(const Direct* log) {
  if (TENON_LOG_ENABLED(log->table, TENON_LEVEL_INFO)) log->table->write(log->ctx, TENON_LEVEL_INFO, TENON_STR("hi"), nullptr, 0);
}
void cpp_log(const tenon::Log* log) { log->info("hi"); }

void c_log_text(const Direct* log, const char* text, std::size_t size) {
  if (!TENON_LOG_ENABLED(log->table, TENON_LEVEL_WARN)) return;
  const tenon_kv kv[] = {{TENON_STR("key"), {text, size}}};
  log->table->write(log->ctx, TENON_LEVEL_WARN, TENON_STR("hi"), kv, 1);
}
void cpp_log_text(const tenon::Log* log, const char* text, std::size_t size) { log->warn("hi", "key", std::string_view(text, size)); }

bool c_enabled(const Direct* log) { return TENON_LOG_ENABLED(log->table, TENON_LEVEL_DEBUG); }
bool cpp_enabled(const tenon::Log* log) { return log->enabled(TENON_LEVEL_DEBUG); }

struct DirectCall {
  tenon_ctx* ctx;
  const tenon_calls* table;
  tenon_call* call;
};
bool c_cancelled(const DirectCall* c) { return c->table->cancelled(c->call) != 0; }
bool cpp_cancelled(const tenon::Call* c) { return c->cancelled(); }

}  // extern "C"
