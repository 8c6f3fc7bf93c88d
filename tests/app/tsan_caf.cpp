// Tells the thread sanitizer how CAF synchronises. Debian's libcaf_core is not instrumented, so its
// atomics are invisible and every message between actors looks like a race. Suppressing what passes
// through the library would hide the races in our handlers as well, because CAF calls them. So this
// library, preloaded by ./test, stands in front of the functions through which everything passes
// from thread to thread and announces what each guarantees:
//
//   a message       is handed over whole, from enqueue() to the handler or the bin,
//   an actor        is left as it is by one handler and found so by the next, and
//   a last handle   sees what everybody did who let go before.
//
// All names are those of CAF 0.17. Should one change, its hook is never called, and the false
// alarms are back.
#include <dlfcn.h>

extern "C" {
// Weak: programs without the sanitizer run with this library too, for example children of a test.
void __tsan_acquire(void* at) __attribute__((weak));
void __tsan_release(void* at) __attribute__((weak));
}

namespace {

void acquire(void* at) {
  if (__tsan_acquire != nullptr)
    __tsan_acquire(at);
}

void release(void* at) {
  if (__tsan_release != nullptr)
    __tsan_release(at);
}

/// The function that `hook` stands in front of.
template <class Function>
Function* original(Function*, const char* symbol) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, symbol));
}

} // namespace

// By their symbols, because these functions are members of classes, and some of them protected. A
// mailbox_element_ptr is passed by value, which for a type with a destructor means by address.
#define ENQUEUE_OF(actor)                                                                          \
  "_ZN3caf" actor "7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEE"             \
  "PNS_14execution_unitE"
#define SCHEDULED "15scheduled_actor"
#define BLOCKING "14blocking_actor"
#define REACTIVATE "_ZN3caf15scheduled_actor10reactivateERNS_15mailbox_elementE"
#define ACTIVATE "_ZN3caf15scheduled_actor8activateEPNS_14execution_unitE"
#define LAUNCH "_ZN3caf15scheduled_actor6launchEPNS_14execution_unitEbb"
#define VISIT "_ZN3caf14blocking_actor15mailbox_visitorclERNS_15mailbox_elementE"
#define BOUNCE "_ZNK3caf6detail20sync_request_bouncerclERKNS_15mailbox_elementE"
#define RELEASE "_ZN3caf21intrusive_ptr_releaseEPNS_19actor_control_blockE"
#define RELEASE_WEAK "_ZN3caf26intrusive_ptr_release_weakEPNS_19actor_control_blockE"

extern "C" {

void scheduled_enqueue(void* self, void** element, void* unit) __asm__(ENQUEUE_OF(SCHEDULED));
void blocking_enqueue(void* self, void** element, void* unit) __asm__(ENQUEUE_OF(BLOCKING));
int reactivate(void* self, void* element) __asm__(REACTIVATE);
bool activate(void* self, void* unit) __asm__(ACTIVATE);
void launch(void* self, void* unit, bool lazy, bool hide) __asm__(LAUNCH);
int visit(void* visitor, void* element) __asm__(VISIT);
void bounce(const void* bouncer, void* element) __asm__(BOUNCE);
void release_handle(void* control_block) __asm__(RELEASE);
void release_address(void* control_block) __asm__(RELEASE_WEAK);

// -- A message.

void scheduled_enqueue(void* self, void** element, void* unit) {
  static auto* const go_on = original(&scheduled_enqueue, ENQUEUE_OF(SCHEDULED));
  release(*element);
  go_on(self, element, unit);
}

void blocking_enqueue(void* self, void** element, void* unit) {
  static auto* const go_on = original(&blocking_enqueue, ENQUEUE_OF(BLOCKING));
  release(*element);
  go_on(self, element, unit);
}

int visit(void* visitor, void* element) {
  static auto* const go_on = original(&visit, VISIT);
  acquire(element);
  return go_on(visitor, element);
}

/// Sees the messages that nobody will read, before they are destroyed.
void bounce(const void* bouncer, void* element) {
  static auto* const go_on = original(&bounce, BOUNCE);
  acquire(element);
  go_on(bouncer, element);
}

// -- A message and an actor.

int reactivate(void* self, void* element) {
  static auto* const go_on = original(&reactivate, REACTIVATE);
  acquire(element);
  acquire(self);
  const int outcome = go_on(self, element);
  release(self);
  return outcome;
}

// -- An actor, before its first message.

void launch(void* self, void* unit, bool lazy, bool hide) {
  static auto* const go_on = original(&launch, LAUNCH);
  release(self);
  go_on(self, unit, lazy, hide);
}

bool activate(void* self, void* unit) {
  static auto* const go_on = original(&activate, ACTIVATE);
  acquire(self);
  const bool active = go_on(self, unit);
  release(self);
  return active;
}

// -- A handle, and an address, which keeps the memory of an actor but not the actor.

void release_handle(void* control_block) {
  static auto* const go_on = original(&release_handle, RELEASE);
  release(control_block);
  acquire(control_block);
  go_on(control_block);
}

void release_address(void* control_block) {
  static auto* const go_on = original(&release_address, RELEASE_WEAK);
  release(control_block);
  acquire(control_block);
  go_on(control_block);
}

} // extern "C"
