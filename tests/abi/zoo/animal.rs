// A module in Rust without any crate and without the standard library: the structs of the C headers, mirrored by hand.
#![no_std]

use core::ffi::c_void;
use core::mem::size_of;

#[repr(C)]
#[derive(Clone, Copy)]
struct Str {
    ptr: *const u8,
    len: usize,
}
const fn text(s: &'static str) -> Str {
    Str { ptr: s.as_ptr(), len: s.len() }
}

#[repr(C)]
struct Kv {
    key: Str,
    value: Str,
}

#[repr(C)]
struct Error {
    struct_size: u32,
    status: i32,
    sys_errno: i32,
    message_len: u32,
    reason: [u8; 48],
    message: [u8; 192],
}
const _: () = assert!(size_of::<Error>() == 256);

#[repr(C)]
struct Host {
    struct_size: u32,
    abi_major: u16,
    abi_minor: u16,
    name: Str,
    version: Str,
    instance_id: Str,
    query: extern "C" fn(*mut Ctx, Str) -> *const c_void,
}

#[repr(C)]
struct Ctx {
    host: *const Host,
}

#[repr(C)]
struct Log {
    struct_size: u32,
    min_level: i32,
    write: extern "C" fn(*mut Ctx, i32, Str, *const Kv, usize),
}
const _: () = assert!(size_of::<Log>() == 16);

/// tenon_config as far as this module uses it.
#[repr(C)]
struct Config {
    struct_size: u32,
    reserved: u32,
    has: extern "C" fn(*mut Ctx, Str) -> i32,
    require: [*const c_void; 6],
    optional_bool: extern "C" fn(*mut Ctx, Str, i32, *mut i32, *mut Error) -> i32,
}
const _: () = assert!(size_of::<Config>() == 72);

type Phase = extern "C" fn(*mut c_void, *mut c_void, *mut Error) -> i32;

#[repr(C)]
struct Lifecycle {
    struct_size: u32,
    reserved: u32,
    create: extern "C" fn(*mut Ctx, *mut c_void, *mut *mut c_void, *mut Error) -> i32,
    pre_init: Option<Phase>,
    init: Option<Phase>,
    post_init: Option<Phase>,
    start: Option<Phase>,
    stop: Option<Phase>,
    destroy: Option<extern "C" fn(*mut c_void)>,
}
const _: () = assert!(size_of::<Lifecycle>() == 64);

#[repr(C)]
struct Need {
    struct_size: u32,
    min_size: u32,
    optional: u32,
    reserved: u32,
    id: Str,
}

#[repr(C)]
struct Module {
    struct_size: u32,
    flags: u32,
    name: Str,
    version: Str,
    needs: *const &'static Need,
    need_count: usize,
    lifecycle: &'static Lifecycle,
    query: Option<extern "C" fn(Str) -> *const c_void>,
}
const _: () = assert!(size_of::<Module>() == 72);

#[repr(C)]
pub struct Entry {
    magic: u64,
    struct_size: u32,
    abi_major: u16,
    abi_minor: u16,
    modules: *const &'static Module,
    module_count: usize,
}
unsafe impl Sync for Module {}
unsafe impl Sync for Need {}
unsafe impl Sync for Entry {}

const OK: i32 = 0;
const INTERNAL: i32 = 13;

extern "C" fn create(ctx: *mut Ctx, _call: *mut c_void, out: *mut *mut c_void, _err: *mut Error) -> i32 {
    unsafe { *out = ctx.cast() }; // no state of its own
    OK
}

fn table<T>(ctx: *mut Ctx, id: &'static str) -> &'static T {
    unsafe { &*((*(*ctx).host).query)(ctx, text(id)).cast::<T>() }
}

extern "C" fn init(me: *mut c_void, _call: *mut c_void, _err: *mut Error) -> i32 {
    let ctx = me.cast::<Ctx>();
    let log: &Log = table(ctx, "tenon.log/1");
    let kv = Kv { key: text("animal"), value: text("zoo_rust") };
    (log.write)(ctx, 20, text("hello"), &kv, 1);
    OK
}

extern "C" fn start(me: *mut c_void, _call: *mut c_void, err: *mut Error) -> i32 {
    let ctx = me.cast::<Ctx>();
    let config: &Config = table(ctx, "tenon.config/1");
    let mut fail = 0;
    let status = (config.optional_bool)(ctx, text("fail"), 0, &mut fail, err);
    if status != OK || fail == 0 {
        return status;
    }
    let message = b"told to fail\0";
    unsafe {
        (&mut (*err).message)[..message.len()].copy_from_slice(message);
        (*err).message_len = 12;
        (&mut (*err).reason)[..13].copy_from_slice(b"TOLD_TO_FAIL\0");
    }
    INTERNAL
}

static LIFECYCLE: Lifecycle = Lifecycle {
    struct_size: size_of::<Lifecycle>() as u32,
    reserved: 0,
    create,
    pre_init: None,
    init: Some(init),
    post_init: None,
    start: Some(start),
    stop: None,
    destroy: None,
};
static NEEDS_LOG: Need = Need { struct_size: 32, min_size: size_of::<Log>() as u32, optional: 0, reserved: 0, id: text("tenon.log/1") };
static NEEDS_CONFIG: Need = Need { struct_size: 32, min_size: size_of::<Config>() as u32, optional: 0, reserved: 0, id: text("tenon.config/1") };
static NEEDS: [&Need; 2] = [&NEEDS_LOG, &NEEDS_CONFIG];
static MODULE: Module = Module {
    struct_size: size_of::<Module>() as u32,
    flags: 0,
    name: text("zoo_rust"),
    version: text("1.0.0"),
    needs: NEEDS.as_ptr(),
    need_count: 2,
    lifecycle: &LIFECYCLE,
    query: None,
};
static MODULES: [&Module; 1] = [&MODULE];

#[no_mangle]
#[allow(non_upper_case_globals)]
pub static tenon_entry_v1: Entry =
    Entry { magic: 0x31562d4e4f4e4554, struct_size: 32, abi_major: 1, abi_minor: 0, modules: MODULES.as_ptr(), module_count: 1 };

const MANIFEST: &[u8] = include_bytes!(env!("ZOO_MANIFEST"));
const PADDED: usize = (MANIFEST.len() + 3) / 4 * 4;
#[repr(C, align(4))]
struct Note {
    namesz: u32,
    descsz: u32,
    kind: u32,
    name: [u8; 8],
    desc: [u8; PADDED],
}
const fn padded() -> [u8; PADDED] {
    let mut out = [0; PADDED];
    let mut i = 0;
    while i < MANIFEST.len() {
        out[i] = MANIFEST[i];
        i += 1;
    }
    out
}
#[used]
#[link_section = ".note.tenon.manifest"]
static NOTE: Note = Note { namesz: 6, descsz: MANIFEST.len() as u32, kind: 0x544e0001, name: *b"TENON\0\0\0", desc: padded() };

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
