/* Both sides of the calls that services_table_bench measures: a handler, and loops around a call of it. */
#include "services_module.h"

#include <string.h>

static tenon_status echo(void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) {
  (void)data, (void)call, (void)err;
  if (request->payload.len > reply->capacity) return TENON_OUT_OF_RANGE;
  memcpy(reply->buffer, request->payload.ptr, request->payload.len);
  reply->payload.ptr = reply->buffer;
  reply->payload.len = request->payload.len;
  return TENON_OK;
}

static uint8_t written[64];
static void keep(void* data) { (void)data; }

static tenon_status report(void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) {
  (void)data, (void)call, (void)request, (void)err;
  reply->payload.ptr = written;
  reply->payload.len = sizeof written;
  reply->payload.release = keep;
  return TENON_OK;
}

static tenon_service_handler volatile bare = echo;

static size_t loop(const bench_job* job, size_t n) {
  /* Where a stack begins is random, by 16 bytes; what lies across cache lines would cost up to three times as much, for a pointer call too. */
  _Alignas(64) uint8_t in[64] = {0};
  _Alignas(64) uint8_t out[64];
  tenon_request request = {.struct_size = sizeof request, .payload = {in, sizeof in}};
  tenon_call_options options = {.struct_size = sizeof options, .deadline_ns = job->deadline_ns};
  const tenon_call_options* how = job->deadline_ns == 0 ? NULL : &options;
  size_t good = 0;
  for (size_t i = 0; i < n; ++i) {
    _Alignas(64) tenon_reply reply; /* nothing more has to be set */
    reply.struct_size = sizeof reply;
    reply.buffer = out;
    reply.capacity = sizeof out;
    tenon_status status;
    if (job->services == NULL)
      status = bare(NULL, NULL, &request, &reply, NULL);
    else if (job->name.len != 0)
      status = job->services->call_by_name(job->ctx, job->name, &request, &reply, how, NULL);
    else
      status = job->services->call(job->ctx, job->handle, &request, &reply, how, NULL);
    good += status == TENON_OK && reply.payload.len == sizeof in;
    __asm__ volatile("" : : "r"(out) : "memory");
  }
  return good;
}

TENON_EXPORT const bench_module bench_module_v1 = {echo, report, loop};
