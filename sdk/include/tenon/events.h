/* tenon/events.h - publish to topics, subscribe to patterns of topics.
 *
 * Topics are words of letters, digits, `_` and `-`, joined by dots, at most 255 bytes. In a pattern `*` stands for one word, and `>` at the
 * end for one or more. A plugin may publish and subscribe what begins with its own name, and beyond that what its manifest asks for
 * (`permissions.events`) and the operator grants: else PERMISSION_DENIED, with an audit record. Below `host.` and `tenon.` only the host
 * publishes, whatever pattern is granted (`RESERVED`).
 *
 * Order and loss: each subscription has its own bounded queue and sees the events of each publishing thread in their order. A slow or failing
 * subscriber harms nobody else; what a full queue costs it is counted and reported. Events live in memory: nothing survives the process.
 *
 * Usable in every phase. What create or init subscribes is visible together once init has returned OK, from then on events queue; they are
 * delivered from when start has returned OK or PENDING. When the module leaves, what is queued for it is dropped and counted, or
 * delivered first (`drain`), and each release(data) is called.
 *
 * The host publishes, as `application/json` without line breaks (more members may be added):
 *  - `tenon.module.state`   {"module":"orders","version":"1.4.0","state":"running"}, and "reason":"..." where there is one; after each change of the
 *                           state of a module that was planned: loaded, created, initialized, starting, running, stopping, stopped, failed,
 *                           wedged, blocked
 *  - `tenon.config.changed` {"modules":[{"module":"orders","paths":["limits.max"]}]}: paths within the module's configuration that were applied; after a
 *                           reload that changed something
 *  - `tenon.shutdown`       {"reason":"SIGTERM","grace_ms":30000}: once, before the first module is stopped; SIGTERM, SIGINT or failure. Subscribe
 *                           with `drain` to be sure to get it; grace_ms is the time all modules have together */
#ifndef TENON_EVENTS_H
#define TENON_EVENTS_H
#include "tenon/core.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_EVENTS "tenon.events/1"

#define TENON_EVENT_MAX_PAYLOAD 262144u   /* bytes */
#define TENON_EVENT_MAX_CONTENT_TYPE 127u /* bytes of printable ASCII */

#define TENON_TOPIC_MODULE_STATE "tenon.module.state"
#define TENON_TOPIC_CONFIG_CHANGED "tenon.config.changed"
#define TENON_TOPIC_SHUTDOWN "tenon.shutdown"

/* tenon_event_draft.flags */
#define TENON_EVENT_RETAIN 0x1u /* also keep it as the topic's last value, for whoever subscribes later; at most 1 MiB per module */
/* tenon_event.flags */
#define TENON_EVENT_RETAINED 0x1u /* was there before the subscription */

/* What is published; everything is copied before publish returns. Unknown flags are INVALID_ARGUMENT. */
typedef struct tenon_event_draft {
  uint32_t struct_size;
  uint32_t flags; /* TENON_EVENT_RETAIN */
  tenon_str topic;
  tenon_bytes payload;
  tenon_str content_type; /* empty = not said */
  tenon_str traceparent;  /* W3C, version 00; empty: that of the event or call whose handler publishes this on its thread */
} tenon_event_draft;

/* What a handler sees: borrowed until it returns. */
typedef struct tenon_event {
  uint32_t struct_size;
  uint32_t flags;  /* TENON_EVENT_RETAINED */
  uint64_t id;     /* counts up over all events of the process, from 1 */
  int64_t time_ns; /* CLOCK_REALTIME of publish */
  tenon_str topic;
  tenon_bytes payload;
  tenon_str content_type;
  tenon_str traceparent;
} tenon_event;

/* One at a time per subscription, with a deadline of 5 s. Anything but OK is counted, and logged at most once per second, and changes
 * nothing else. PENDING is not allowed. [worker] */
typedef tenon_status (*tenon_event_handler)(void* data, tenon_call* call, const tenon_event* event, tenon_error* err) TENON_NOEXCEPT;

/* tenon_event_options.when_full: what becomes of an event for which the queue has no room. */
#define TENON_WHEN_FULL_DROP_OLDEST 0
#define TENON_WHEN_FULL_DROP_NEWEST 1
#define TENON_WHEN_FULL_REFUSE 2 /* nobody gets it, and publish answers RESOURCE_EXHAUSTED `QUEUE_FULL` */

typedef struct tenon_event_options {
  uint32_t struct_size;
  int32_t when_full;
  uint32_t queue_events; /* 1 to 65 536; 0 = 1024 */
  uint32_t drain;        /* 1: what is queued when the module leaves is still delivered, for up to half of the stop deadline */
  uint64_t queue_bytes;  /* 1 KiB to 64 MiB, payload, topic, content type and trace context; 0 = 4 MiB */
} tenon_event_options;

typedef struct tenon_event_stats {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t delivered;
  uint64_t failed; /* of those delivered: the handler did not return OK */
  uint64_t dropped;
  uint64_t queued, queued_bytes;
} tenon_event_stats;

/* Errors of all functions: INVALID_ARGUMENT (the message says what was expected), PERMISSION_DENIED, UNAVAILABLE (the module has left or is leaving),
 * RESOURCE_EXHAUSTED `NO_MEMORY`, and what stands at each. err may be NULL. */
typedef struct tenon_events {
  uint32_t struct_size;
  uint32_t reserved;
  /* Never waits for a subscriber. *out_id (may be NULL) is the event's id. RESOURCE_EXHAUSTED: `QUEUE_FULL`, or `RETAINED_FULL` (the module's retained
   * values would be over 1 MiB); then nobody got it. Topics below `tenon` are the host's: PERMISSION_DENIED `RESERVED`. [any] */
  tenon_status (*publish)(tenon_ctx*, const tenon_event_draft* draft, uint64_t* out_id, tenon_error*) TENON_NOEXCEPT;
  /* No new subscriber gets the topic's last value any more. NOT_FOUND if this module keeps none there. [any] */
  tenon_status (*forget)(tenon_ctx*, tenon_str topic, tenon_error*) TENON_NOEXCEPT;
  /* Retained values of matching topics come first. release(data) (may be NULL) is called exactly once, after the last delivery, on a thread of the
   * host; not if this fails. options may be NULL. Same pattern, fn and data again = OK with the same id; with other options ALREADY_EXISTS. At most 1024
   * per module: RESOURCE_EXHAUSTED `TOO_MANY_SUBSCRIPTIONS`. [any] */
  tenon_status (*subscribe)(tenon_ctx*, tenon_str pattern, tenon_event_handler fn, void* data, void (*release)(void* data) TENON_NOEXCEPT,
                            const tenon_event_options* options, tenon_id* out, tenon_error*) TENON_NOEXCEPT;
  /* Nothing new is delivered after it returned, what is queued is dropped; one delivery may still be running. Fine within the handler. NOT_FOUND: a
   * stale id, or another module's. [any] */
  tenon_status (*unsubscribe)(tenon_ctx*, tenon_id id) TENON_NOEXCEPT;
  /* The same, and waits until release(data) has returned, at most until deadline_ns (CLOCK_MONOTONIC): DEADLINE_EXCEEDED, and it is unsubscribed all the
   * same. FAILED_PRECONDITION, and nothing changed: `REENTRANT` within its own handler, `SERIAL` within any [control] or [worker] callback of a
   * TENON_SERIAL module, which would wait for itself. [control][worker] */
  tenon_status (*unsubscribe_wait)(tenon_ctx*, tenon_id id, int64_t deadline_ns, tenon_error*) TENON_NOEXCEPT;
  /* The caller sets out->struct_size. NOT_FOUND as in unsubscribe. [any] */
  tenon_status (*stats)(tenon_ctx*, tenon_id id, tenon_event_stats* out) TENON_NOEXCEPT;
} tenon_events;

#ifdef __cplusplus
}
#endif
#endif /* TENON_EVENTS_H */
