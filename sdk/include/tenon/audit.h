/* tenon/audit.h - who did what to whom, and whether he was let: entries in the host's audit log.
 *
 * For what somebody may have to answer for later (a permission given, data exported), not for the course of things, which belongs in the log. The host
 * adds number, time and the module as actor, and seals each record with the hash of the one before (`audit.writer: file`). Texts beyond their limits are cut,
 * bytes that are not UTF-8 replaced. More than 100 records per second of one module are not written but counted, and the count is recorded. Usable in every
 * phase. */
#ifndef TENON_AUDIT_H
#define TENON_AUDIT_H
#include "tenon/core.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_AUDIT "tenon.audit/1"

#define TENON_AUDIT_INFO 20 /* the levels of tenon/log.h */
#define TENON_AUDIT_WARN 30
#define TENON_AUDIT_ERROR 40

typedef struct tenon_audit_event {
  uint32_t struct_size;
  int32_t level;    /* TENON_AUDIT_* */
  tenon_str type;   /* dotted words, as "refund.approved"; recorded below the module's name: "orders.refund.approved". At most 64 bytes */
  tenon_str target; /* on what: "order 4711"; at most 1024 bytes, may be empty */
  tenon_str request_id; /* of the request it belongs to; at most 128 bytes, may be empty */
  tenon_str outcome;    /* "ok", "denied", "failed" or another word; at most 32 bytes */
  const tenon_kv* meta; /* at most 32 pairs of at most 1024 bytes each; for whom it was done belongs here */
  size_t meta_count;
} tenon_audit_event;

typedef struct tenon_audit {
  uint32_t struct_size;
  uint32_t reserved;
  /* OK: it was taken, also if this host records nothing (`audit.writer: none`). INVALID_ARGUMENT `BAD_EVENT`: type, level or outcome are not as said
   * above. It is handed to the kernel at once, so that it outlives the process; the disk is not waited for. [any] */
  tenon_status (*record)(tenon_ctx* ctx, const tenon_audit_event* event, tenon_error* err) TENON_NOEXCEPT;
} tenon_audit;

#ifdef __cplusplus
}
#endif
#endif /* TENON_AUDIT_H */
