//! Children that die with us, even when we are killed and can tell nobody.

use std::process::Command;

use rustix::process::Signal;

/// The system sends `signal` to the child when the thread that starts it ends (Linux; elsewhere a child is stopped on exit only).
/// The child also leaves our process group, so that Ctrl-C reaches us alone and we shut it down when we are done with it.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn follows_ours(command: &mut Command, signal: Signal) {
    use std::os::unix::process::CommandExt;

    let parent = rustix::process::getpid();
    command.process_group(0);
    let prepare = move || {
        rustix::process::set_parent_process_death_signal(Some(signal))?;
        // We may have died before the line above; then nobody would send the signal.
        if rustix::process::getppid() == Some(parent) { Ok(()) } else { Err(std::io::ErrorKind::NotConnected.into()) }
    };
    // SAFETY: between fork and exec a child may only do what is safe in a signal handler. `prepare` makes two system calls and
    // compares numbers: it allocates nothing, takes no lock and touches no memory that another thread may be changing.
    // (The standard library changes user and group before it runs this; doing so afterwards would clear the signal.)
    unsafe { command.pre_exec(prepare) };
}

#[cfg(not(target_os = "linux"))]
pub fn follows_ours(command: &mut Command, _signal: Signal) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}
