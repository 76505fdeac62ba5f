//! Serving debuggers: clients in turn, one guest, and who outlives whom.
//!
//! | what happens | what the server does |
//! |---|---|
//! | a client detaches | the guest runs on; listens for the next client |
//! | the connection is lost | the guest stays as it was; listens for the next client; `--once`: ends |
//! | a client kills the guest | ends; `--multi`: listens, a client may start it again |
//! | the guest ends | ends with the guest's exit code; `--multi`: listens |
//! | a second client comes | is told that there is one, and refused |
//! | the guest traps and nobody is expected (`--no-wait`, or detached) | prints a backtrace, ends with 134; `--on-trap stop`: waits for a client |
//! | Ctrl-C at the server's terminal | stops a running guest for its client; else, or the second time, ends |

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use debugger::{Event, Exit, Resume, Session};
use gdb::{Debuggee, Launcher, Outcome};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::args::{GuestOptions, ListenAddress, LogOptions, OnTrap, ServeOptions};
use crate::conditions::SourcesOf;
use crate::door::{Door, accept};
use crate::exit::{INTERRUPTED, KILLED, status};
use crate::files::Files;
use crate::guest::{Program, takes_long, with_advice};
use crate::log::say;
use crate::module_file::ModuleFile;
use crate::peer;
use crate::refusal::refuse;
use crate::relay::{Relay, Watcher, announce};
use crate::run_command;

/// How long a second client waits for the first one to be gone. A debugger that disconnects and connects again is
/// often faster than the end of its first connection.
const SUCCESSION: Duration = Duration::from_millis(300);

/// By how much what nobody waits for is less urgent, see nice(2).
const BACKGROUND: i32 = 15;

/// How long after the start that begins: what a debugger takes for its own start, and to read its symbols. A thread that is less
/// urgent still slows down the ones beside it, since processors share caches and more.
const UNDISTURBED: Duration = Duration::from_millis(500);

/// What Ctrl-C at the server's terminal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupts {
    /// See the table above.
    AreForUs,
    /// A debugger at the same terminal handles it.
    AreForTheDebugger,
}

/// Serves debuggers until it is over; returns the exit status.
///
/// # Errors
/// When the guest cannot be started or the address cannot be listened at.
pub(crate) fn serve(
    address: &ListenAddress,
    options: ServeOptions,
    guest: GuestOptions,
    logs: &LogOptions,
) -> Result<u8> {
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let mut early = if takes_long(&guest) { Some(Door::open(address, logs).await?) } else { None };
        let begun = begin(guest);
        let (program, started) = match &mut early {
            Some(door) => door.wait_for(begun).await?,
            None => begun.await?,
        };
        let (session, first, events) = match started {
            Started::Stopped(session, first, events) => (session, first, events),
            Started::Ended(status) => return Ok(status),
        };
        let door = match early {
            Some(door) => door,
            None => Door::open(address, logs).await?,
        };
        let (relay, watcher) = Relay::new();
        relay.launched(&session);
        let mut debuggee = debuggee(&program, session.clone(), events, &options, &relay)?;
        debuggee.observe(move |session, event| relay.note(session, event));
        if options.no_wait {
            // It may write to its own file.
            program.file().take()?;
            session.resume(Resume::Continue)?;
        } else {
            debuggee.note(first);
        }
        let host = Host::new(door, options, Interrupts::AreForUs, watcher, program.file().clone())?;
        let served = tokio::select! {
            served = host.run(debuggee) => served,
            error = invalid(program.clone()) => Err(error),
        };
        program.keep_code();
        served
    });
    // A thread may still wait for the guest, which may wait for its input.
    runtime.shutdown_background();
    served
}

/// Loads a program and launches it.
async fn begin(guest: GuestOptions) -> Result<(Program, Started)> {
    let program = tokio::task::spawn_blocking(|| Program::load(guest)).await??;
    let started = start(&program).await?;
    Ok((program, started))
}

/// The guest as clients are to see it.
fn debuggee(
    program: &Program,
    session: Session,
    events: debugger::Events,
    options: &ServeOptions,
    relay: &Relay,
) -> Result<Debuggee> {
    let (symbols, preloaded) = (program.for_symbols()?, program.preloaded()?);
    let again = || Box::new(Again { program: program.clone(), relay: relay.clone() }) as Box<dyn Launcher>;
    let launcher = options.multi.then(again);
    let mut debuggee =
        Debuggee::new(session, events, symbols.clone(), launcher).with_preloaded(preloaded.clone());
    let others = preloaded.into_iter().map(|preloaded| preloaded.program);
    debuggee.find_sources(Arc::new(SourcesOf::new(std::iter::once(symbols).chain(others))));
    debuggee.show(options.persona);
    if let Some(cache) = program.cache() {
        debuggee.keep_images_in(cache.clone());
    }
    debuggee.write_core_dumps_to(std::env::current_dir().unwrap_or_default());
    Ok(debuggee)
}

/// Validates a program when others have done what a client waits for. Nothing runs that was not validated: what is compiled
/// before is validated alone. Returns what is wrong; waits for ever if nothing is.
async fn invalid(program: Program) -> anyhow::Error {
    tokio::time::sleep(UNDISTURBED).await;
    let (valid, validity) = oneshot::channel();
    let work = move || {
        // Threads that it starts inherit it.
        if let Err(error) = rustix::process::nice(BACKGROUND) {
            tracing::debug!(%error, "validation is as urgent as everything else");
        }
        // Nobody may be there any more.
        let _unheard = valid.send(program.wait_until_valid());
    };
    if let Err(error) = std::thread::Builder::new().name("validation".to_owned()).spawn(work) {
        return anyhow::Error::new(error).context("cannot start threads");
    }
    match validity.await {
        Ok(Ok(())) => std::future::pending().await,
        Ok(Err(error)) => error,
        Err(error) => anyhow::Error::new(error).context("the validation has failed"),
    }
}

/// Waits until a file cannot be got ready, and returns why.
async fn failed(is_ready: oneshot::Receiver<Result<()>>) -> anyhow::Error {
    match is_ready.await {
        Ok(Err(error)) => error,
        // Without a thread for it, it is got ready when it is needed.
        Ok(Ok(())) | Err(_) => std::future::pending().await,
    }
}

/// What the sockets and timers run on.
///
/// # Errors
/// When the system gives no threads.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().context("cannot start threads")
}

/// A guest after its first event.
pub(crate) enum Started {
    /// It waits before its first operator.
    Stopped(Session, Event, debugger::Events),
    /// It has ended already, with this exit status for the server.
    Ended(u8),
}

/// Launches the guest and waits until it stands before its first operator.
///
/// # Errors
/// When it cannot be started, for example for lack of imports.
pub(crate) async fn start(program: &Program) -> Result<Started> {
    let (session, mut events) = program.launch(false)?;
    match events.recv().await {
        Some(event @ Event::Stopped { .. }) => Ok(Started::Stopped(session, event, events)),
        Some(Event::Exited(Exit::HostError(reason))) => {
            bail!("{}: {}", program.file().name(), with_advice(&reason))
        }
        Some(Event::Exited(exit)) => {
            announce(&exit);
            Ok(Started::Ended(status(&exit)))
        }
        // No thread is started before the first operator.
        Some(Event::ThreadStarted(_) | Event::ThreadEnded(_)) | None => bail!("the guest's thread has ended"),
    }
}

/// Starts the program again for a client.
struct Again {
    program: Program,
    relay: Relay,
}

impl Launcher for Again {
    fn launch(&mut self, arguments: Vec<String>) -> Result<(Session, debugger::Events), String> {
        let (session, events) =
            self.program.launch_with(&arguments, false).map_err(|error| format!("{error:#}"))?;
        self.relay.launched(&session);
        Ok((session, events))
    }
}

/// Takes clients, one at a time.
pub(crate) struct Host {
    /// None when no more clients are taken.
    listener: Option<TcpListener>,
    options: ServeOptions,
    watcher: Watcher,
    interrupts: Interrupts,
    interrupted: Signal,
    /// A client who came before there was a guest, or while another one was attached, until it is refused.
    successor: Option<TcpStream>,
    /// For a backtrace.
    file: ModuleFile,
    files: Files,
}

enum Next {
    Client(TcpStream),
    Ended(u8),
}

impl Host {
    /// What serves clients who come to a door. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When the system does not tell of Ctrl-C.
    pub(crate) fn new(
        door: Door,
        options: ServeOptions,
        interrupts: Interrupts,
        watcher: Watcher,
        file: ModuleFile,
    ) -> Result<Self> {
        let interrupted = signal(SignalKind::interrupt()).context("cannot watch for Ctrl-C")?;
        Ok(Self {
            listener: Some(door.listener),
            options,
            watcher,
            interrupts,
            interrupted,
            successor: door.first,
            file,
            files: Files::new(),
        })
    }

    /// Serves clients in turn until the guest's end or the user's wish is the end of the server; returns the exit status.
    ///
    /// # Errors
    /// When a client's session cost us the guest.
    pub(crate) async fn run(self, debuggee: Debuggee) -> Result<u8> {
        debuggee.keep_files_in(self.files.path().to_owned());
        let file = self.file.clone();
        let (ready, is_ready) = oneshot::channel();
        // Nobody may be there any more.
        debuggee.expect_gdb(move || drop(ready.send(file.get_ready())));
        tokio::select! {
            served = self.serve_in_turn(debuggee) => served,
            error = failed(is_ready) => Err(error),
        }
    }

    async fn serve_in_turn(mut self, mut debuggee: Debuggee) -> Result<u8> {
        // Whether a client is expected to come for a guest that stops.
        let mut is_expected = !self.options.no_wait;
        loop {
            let stream = match self.next_client(&mut debuggee, is_expected).await {
                Next::Client(stream) => stream,
                Next::Ended(status) => return Ok(status),
            };
            let Some((returned, outcome)) = self.attend(stream, debuggee).await? else {
                return Ok(INTERRUPTED);
            };
            debuggee = returned;
            tracing::info!(?outcome, "the client has left");
            is_expected = !matches!(outcome, Outcome::Detached);
            match outcome {
                // A core dump runs to no end.
                Outcome::Detached if self.options.once && debuggee.session().is_record() => return Ok(0),
                Outcome::Detached if self.options.once => self.listener = None,
                Outcome::Detached => {}
                Outcome::Lost(_) if self.options.once => {
                    debuggee.session().kill();
                    return Ok(KILLED);
                }
                Outcome::Lost(_) => tracing::info!("lost the client; listening for the next one"),
                Outcome::Killed | Outcome::Exited(_) if self.options.multi => {}
                Outcome::Killed => return Ok(KILLED),
                Outcome::Exited(exit) => return Ok(status(&exit)),
            }
        }
    }

    /// Waits for a client, or for the end.
    async fn next_client(&mut self, debuggee: &mut Debuggee, mut is_expected: bool) -> Next {
        if let Some(successor) = self.successor.take() {
            return Next::Client(successor);
        }
        loop {
            let stays = self.options.multi;
            tokio::select! {
                stream = next(self.listener.as_ref()) => return Next::Client(stream),
                exit = debuggee.ended(), if !stays || debuggee.exit().is_none() => {
                    if !stays {
                        return Next::Ended(status(&exit));
                    }
                }
                session = crashed(&mut self.watcher), if !is_expected => {
                    is_expected = self.on_crash(&session);
                }
                () = interrupt(&mut self.interrupted, self.interrupts) => return Next::Ended(INTERRUPTED),
            }
        }
    }

    /// The guest stands where it cannot go on, and nobody is expected. True if it waits for somebody now.
    fn on_crash(&self, session: &Session) -> bool {
        run_command::print_backtrace(session, &self.file);
        if self.options.on_trap == OnTrap::Stop
            && let Some(Ok(local)) = self.listener.as_ref().map(TcpListener::local_addr)
        {
            say(&format!("The program waits for a debugger at {local}"));
            return true;
        }
        if let Err(error) = session.resume(Resume::Continue) {
            tracing::debug!(%error, "the guest has ended already");
        }
        false
    }

    /// Serves one client, and refuses others meanwhile. None if the user wants to end the server.
    async fn attend(
        &mut self,
        stream: TcpStream,
        mut debuggee: Debuggee,
    ) -> Result<Option<(Debuggee, Outcome)>> {
        let peer = stream.peer_addr().map_or_else(|_| "unknown".to_owned(), |peer| peer.to_string());
        tracing::info!(peer, "a client has come");
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "packets may be delayed");
        }
        let shares_files = peer::is_gdb_with_our_files(&stream);
        debuggee.share_files(shares_files);
        let stream = stream.into_std()?;
        let session = gdb::serve(move || TcpStream::from_std(stream), debuggee);
        tokio::pin!(session);
        let refusal = tokio::time::sleep(SUCCESSION);
        tokio::pin!(refusal);
        let mut was_interrupted = false;
        loop {
            tokio::select! {
                done = &mut session => return Ok(Some(done?)),
                other = next(self.listener.as_ref()), if self.successor.is_none() => {
                    self.successor = Some(other);
                    refusal.as_mut().reset(Instant::now() + SUCCESSION);
                }
                () = &mut refusal, if self.successor.is_some() => {
                    self.successor.take().map(|other| tokio::spawn(refuse(other)));
                }
                () = interrupt(&mut self.interrupted, self.interrupts) => {
                    // The guest has heeded the last interrupt if anything has happened since.
                    was_interrupted &= !self.watcher.has_changed().unwrap_or(false);
                    let guest = self.watcher.borrow_and_update().as_ref().map(|latest| latest.session.clone());
                    match guest.filter(|guest| !guest.is_stopped() && !was_interrupted) {
                        Some(guest) => guest.interrupt(),
                        None => return Ok(None),
                    }
                    was_interrupted = true;
                }
            }
        }
    }
}

/// The next client. Waits for ever without a listener.
async fn next(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        Some(listener) => accept(listener).await,
        None => std::future::pending().await,
    }
}

/// Waits for Ctrl-C, if it is for us.
async fn interrupt(interrupted: &mut Signal, interrupts: Interrupts) {
    loop {
        if interrupted.recv().await.is_none() {
            return std::future::pending().await;
        }
        if interrupts == Interrupts::AreForUs {
            return;
        }
    }
}

/// Waits until the guest stops where it cannot go on: in a trap, an error of the host, a throw that nothing catches.
async fn crashed(watcher: &mut Watcher) -> Session {
    loop {
        let latest =
            watcher.borrow_and_update().as_ref().map(|latest| (latest.session.clone(), latest.event.clone()));
        if let Some((session, Some(Event::Stopped { stop, .. }))) = latest
            && stop.is_fatal()
            && session.is_stopped()
        {
            return session;
        }
        if watcher.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}
