//! Runs batches in the request's own task, when everything that could ask has asked.
//!
//! A data loader hands over a batch as soon as one field asks, and trusts in a pause to collect the others: a short one makes more
//! statements, a long one makes answers late. Here no pause is needed. The fields of one level are resolved in one go of the
//! request's task; only when that task can do no more are the batches looked at, and then they are complete. The next ones are
//! looked at when all of these have ended: otherwise, two fields that ask for one table after batches of two others would share a
//! statement or not, by whichever ended first. (Fields that read for themselves, such as lists, go on when they have read; what they
//! ask for then goes with whichever batches are next.)

use std::any::Any;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{Stream, StreamExt};

/// What is read together.
pub trait Batch: Any + Send {
    fn read(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// The batches that are being filled: at most one of a kind.
#[derive(Clone, Default)]
pub struct Batches(Arc<Mutex<Vec<Box<dyn Batch>>>>);

impl Batches {
    /// Adds to the batch of this kind.
    pub fn fill<B: Batch>(&self, empty: impl FnOnce() -> B, add: impl FnOnce(&mut B)) {
        let mut batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(batch) = batches.iter_mut().find_map(|batch| (&mut **batch as &mut dyn Any).downcast_mut()) {
            return add(batch);
        }
        let mut batch = empty();
        add(&mut batch);
        batches.push(Box::new(batch));
    }

    /// Closes them all, before any is read: the first may be there at once, and let fields ask for more.
    fn close(&self) -> Vec<BoxFuture<'static, ()>> {
        let batches = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        batches.into_iter().map(|batch| batch.read()).collect()
    }

    /// Runs a request, and its batches beside it.
    pub async fn run<F: Future>(self, request: F) -> F::Output {
        let mut request = pin!(request);
        let mut running = FuturesUnordered::new();
        std::future::poll_fn(|context| self.poll(&mut running, context, |context| request.as_mut().poll(context))).await
    }

    /// The same for a subscription, whose events are so many requests.
    pub fn run_stream<S: Stream + Send + Unpin + 'static>(self, mut events: S) -> impl Stream<Item = S::Item> + Send {
        let mut running = FuturesUnordered::new();
        stream::poll_fn(move |context| self.poll(&mut running, context, |context| events.poll_next_unpin(context)))
    }

    fn poll<T>(
        &self,
        running: &mut FuturesUnordered<BoxFuture<'static, ()>>,
        context: &mut Context<'_>,
        mut request: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        loop {
            let yielded = Arc::new(Yielded { woken: AtomicBool::new(false), task: context.waker().clone() });
            if let Poll::Ready(done) = request(&mut Context::from_waker(&yielded.clone().into())) {
                // One field's error may have ended it while others waited. Nobody does any more, and a stream's next event may be far.
                running.clear();
                drop(self.close());
                return Poll::Ready(done);
            }
            // A set of fields pauses now and then and goes on at once: not all of them have asked yet.
            if yielded.woken.load(Ordering::Acquire) {
                return Poll::Pending;
            }
            if running.is_empty() {
                running.extend(self.close());
            }
            // A batch that ended lets fields go on, which may ask for more.
            match running.poll_next_unpin(context) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Tells whether a task was woken while it ran.
struct Yielded {
    woken: AtomicBool,
    task: Waker,
}

impl Wake for Yielded {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}
