//! The far end of a slow line: every packet from a network device goes back into
//! it with source and destination exchanged, delayed by the microseconds of the
//! argument. Exchanging them keeps the checksums of IPv4 valid.
//!
//! The device is standard input; `benches/line.py` creates it. In Rust, since it
//! has to keep up with every packet.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

fn main() -> io::Result<()> {
    let microseconds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let delay = Duration::from_micros(microseconds.expect("how late, in microseconds"));
    let mut device = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut back = device.try_clone()?;
    let (late, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    let sends = thread::spawn(move || {
        for (at, packet) in due {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            // A packet that cannot be sent is lost, as on any line.
            drop(back.write(&packet));
        }
    });
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 20..) = device.read(&mut buffer) {
        let mut packet = buffer[..length].to_vec();
        if packet[0] >> 4 == 4 {
            packet[12..20].rotate_left(4);
            let sent = late.send((Instant::now() + delay, packet));
            sent.expect("the other thread goes on");
        }
    }
    drop(late);
    sends.join().expect("the other thread does not panic");
    Ok(())
}
