// Proxies of tenon.config/1, tenon.log_sink/1, tenon.log/1 and tenon.check/1.
#include "strict_tables.hpp"

namespace tenon::host {

template <>
const tenon_config& real<tenon_config>() {
  return config_table;
}
template <>
const tenon_log_sink& real<tenon_log_sink>() {
  return log_sink_table;
}

template <>
const tenon_log& real<tenon_log>() {
  static const tenon_log table = make_log_table(0);
  return table;
}
template <>
const tenon_check& real<tenon_check>() {
  return check_table;
}

tenon_log make_strict_log_table(std::int32_t min_level) {
  return {sizeof(tenon_log), min_level, present<&tenon_log::write, "tenon_log.write">};
}

const tenon_check strict_check_table = {sizeof(tenon_check), 0, present<&tenon_check::thread, "tenon_check.thread">,
                                        present<&tenon_check::phase, "tenon_check.phase">,
                                        present<&tenon_check::violation, "tenon_check.violation">};

const tenon_config strict_config_table = {sizeof(tenon_config),
                                          0,
                                          present<&tenon_config::has, "tenon_config.has">,
                                          present<&tenon_config::require_bool, "tenon_config.require_bool">,
                                          present<&tenon_config::require_i64, "tenon_config.require_i64">,
                                          present<&tenon_config::require_f64, "tenon_config.require_f64">,
                                          present<&tenon_config::require_str, "tenon_config.require_str">,
                                          present<&tenon_config::require_duration, "tenon_config.require_duration">,
                                          present<&tenon_config::require_size, "tenon_config.require_size">,
                                          present<&tenon_config::optional_bool, "tenon_config.optional_bool">,
                                          present<&tenon_config::optional_i64, "tenon_config.optional_i64">,
                                          present<&tenon_config::optional_f64, "tenon_config.optional_f64">,
                                          present<&tenon_config::optional_str, "tenon_config.optional_str">,
                                          present<&tenon_config::optional_duration, "tenon_config.optional_duration">,
                                          present<&tenon_config::optional_size, "tenon_config.optional_size">,
                                          present<&tenon_config::json, "tenon_config.json">,
                                          present<&tenon_config::count, "tenon_config.count">,
                                          guarded<&tenon_config::on_change, From::control, "tenon_config.on_change">,
                                          guarded_id<&tenon_config::unsubscribe, From::any, "tenon_config.unsubscribe">};

const tenon_log_sink strict_log_sink_table = {sizeof(tenon_log_sink),
                                              0,
                                              guarded<&tenon_log_sink::attach, From::control, "tenon_log_sink.attach">,
                                              guarded_id<&tenon_log_sink::detach, From::any, "tenon_log_sink.detach">,
                                              guarded<&tenon_log_sink::level, From::any, "tenon_log_sink.level">,
                                              guarded<&tenon_log_sink::set_level, From::any, "tenon_log_sink.set_level">};

}  // namespace tenon::host
