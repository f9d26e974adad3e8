use std::net::Ipv4Addr;

use tokio::task::yield_now;

use super::super::{HEADERS_TIME, IDLE_AFTER, IDLE_TIME, LARGE_HEADERS, MAX_LARGE_HEADERS, SLOW_AFTER};
use super::*;

fn connections(total: usize, per_address: usize) -> Arc<ConnectionTable> {
    ConnectionTable::new(ConnectionLimits { total, per_address })
}

fn address(n: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0808_0000 + n).into()
}

/// A connection that is served until it is ended.
fn open(connections: &Arc<ConnectionTable>, from: u32) -> Option<Arc<OpenConnection>> {
    let place = connections.admit(address(from))?;
    let connection = place.connection().clone();
    let task = tokio::spawn(async move {
        let _place = place;
        std::future::pending::<()>().await;
    });
    connection.served_by(task.abort_handle());
    Some(connection)
}

async fn is_open(connections: &ConnectionTable, connection: &Arc<OpenConnection>) -> bool {
    for _ in 0..10 {
        yield_now().await;
    }
    connections.table.lock().entries.values().any(|entry| Arc::ptr_eq(&entry.connection, connection))
}

#[test]
fn a_process_that_may_open_few_files_has_fewer_connections() {
    let limits = ConnectionLimits { total: 1024, per_address: 64 };
    for (files, total) in [(1_048_576, 1024), (1024, 960), (256, 192), (64, 32), (2, 1), (0, 1)] {
        assert_eq!(limits.within(files).total, total, "{files}");
    }
}

#[tokio::test]
async fn headers_that_do_not_end_and_connections_that_idle_are_ended() {
    let connections = connections(100, 100);
    let [silent, dripping, idle, busy, socket] = [(); 5].map(|()| open(&connections, 1).unwrap());
    for second in 0..HEADERS_TIME {
        connections.sweep_at(second);
        assert!(dripping.received(1));
    }
    for connection in [&idle, &busy, &socket] {
        assert!(connection.received(1));
        connection.requested();
    }
    idle.answered();
    socket.upgraded();
    connections.sweep_at(HEADERS_TIME);
    for (connection, stays) in [(&silent, false), (&dripping, false), (&idle, true), (&busy, true), (&socket, true)] {
        assert_eq!(is_open(&connections, connection).await, stays);
    }
    connections.sweep_at(HEADERS_TIME + IDLE_TIME);
    assert!(
        !is_open(&connections, &idle).await
            && is_open(&connections, &busy).await
            && is_open(&connections, &socket).await
    );
}

#[tokio::test]
async fn a_handshake_has_as_much_time_as_headers_and_then_the_request_has_its_own() {
    let connections = connections(100, 100);
    let (stuck, done) = (open(&connections, 1).unwrap(), open(&connections, 2).unwrap());
    assert!(stuck.received(LARGE_HEADERS - 1) && done.received(LARGE_HEADERS - 1));
    connections.sweep_at(HEADERS_TIME - 1);
    done.encrypted();
    assert!(done.received(LARGE_HEADERS - 1), "the bytes of the handshake are none of the headers");
    connections.sweep_at(HEADERS_TIME);
    assert!(!is_open(&connections, &stuck).await);
    assert!(is_open(&connections, &done).await && done.is_encrypted());
    connections.sweep_at(2 * HEADERS_TIME);
    assert!(!is_open(&connections, &done).await);
}

#[tokio::test]
async fn few_connections_may_leave_large_headers_unfinished() {
    let connections = connections(1000, 1000);
    let large: Vec<_> = (0..=MAX_LARGE_HEADERS).map(|_| open(&connections, 1).unwrap()).collect();
    assert!(large.iter().all(|connection| connection.received(LARGE_HEADERS - 1)));
    let (last, others) = large.split_last().unwrap();
    assert!(others.iter().all(|connection| connection.received(1)) && !last.received(1));
    others[0].requested();
    let usual = open(&connections, 2).unwrap();
    assert!(usual.received(500));
    drop(large);
    connections.sweep_at(HEADERS_TIME);
    assert!(!is_open(&connections, &usual).await);
    assert!(open(&connections, 1).unwrap().received(LARGE_HEADERS));
}

#[tokio::test]
async fn an_answer_that_is_not_taken_ends_and_one_that_is_taken_slowly_does_not() {
    let connections = connections(100, 100);
    let [unread, trickling, slow] = [(); 3].map(|()| open(&connections, 1).unwrap());
    for connection in [&unread, &trickling, &slow] {
        assert!(connection.received(1));
        connection.requested();
        connection.answered();
        connection.not_taken();
    }
    for second in 0..=STALL_TIME + 1 {
        trickling.sent(1);
        slow.sent(10_000);
        trickling.not_taken();
        slow.not_taken();
        // What it sends does not help it.
        assert!(unread.received(1));
        connections.sweep_at(second);
    }
    assert!(
        !is_open(&connections, &unread).await
            && !is_open(&connections, &trickling).await
            && is_open(&connections, &slow).await
    );
}

#[tokio::test]
async fn few_answers_may_be_slow_at_once_and_the_newest_stay() {
    let connections = connections(100, 100);
    let slow: Vec<_> = (0..MAX_SLOW as u32 + 3)
        .map(|second| {
            connections.shared.clock.store(second, Relaxed);
            let connection = open(&connections, second).unwrap();
            assert!(connection.received(1));
            connection.requested();
            connection.not_taken();
            connection
        })
        .collect();
    connections.sweep_at(slow.len() as u32 + SLOW_AFTER);
    for (n, connection) in slow.iter().enumerate() {
        assert_eq!(is_open(&connections, connection).await, n >= 3, "{n}");
    }
}

#[tokio::test]
async fn who_opens_many_connections_displaces_their_own() {
    let connections = connections(10, 8);
    let scraper = open(&connections, 1).unwrap();
    let many: Vec<_> = (0..50).map(|_| open(&connections, 2).unwrap()).collect();
    connections.sweep_at(IDLE_AFTER);
    let others: Vec<_> = (3..6).map(|n| open(&connections, n).unwrap()).collect();
    let mut left = 0;
    for connection in &many {
        left += usize::from(is_open(&connections, connection).await);
    }
    assert_eq!(left, 6);
    assert!(is_open(&connections, &scraper).await && !connections.is_overfull());
    for other in &others {
        assert!(is_open(&connections, other).await);
    }
    assert_eq!(connections.table.lock().open, 10);
}

#[tokio::test]
async fn those_at_work_are_not_displaced_and_those_that_wait_for_their_client_are() {
    let connections = connections(3, 3);
    let busy: Vec<_> = (0..3).map(|_| open(&connections, 1).unwrap()).collect();
    busy.iter().for_each(|connection| connection.requested());
    connections.sweep_at(STALLED_AFTER);
    assert!(open(&connections, 1).is_none() && open(&connections, 2).is_none());
    busy[1].set_gives_way(true);
    assert!(open(&connections, 2).is_some());
    assert!(is_open(&connections, &busy[0]).await && !is_open(&connections, &busy[1]).await);
    busy[2].not_taken();
    assert!(open(&connections, 2).is_some());
    assert!(is_open(&connections, &busy[0]).await && !is_open(&connections, &busy[2]).await);
}

#[tokio::test]
async fn an_address_at_work_may_have_more_and_has_no_more_when_the_work_is_done() {
    let connections = connections(100, 4);
    let busy: Vec<_> = (0..10)
        .map(|_| {
            let connection = open(&connections, 1).unwrap();
            connection.requested();
            connection
        })
        .collect();
    connections.sweep_at(1);
    assert_eq!(connections.table.lock().open, 10);
    for connection in &busy {
        connection.answered();
        connection.sent(1);
    }
    connections.sweep_at(2);
    assert_eq!(connections.table.lock().open, 10, "the next requests may be on their way");
    connections.sweep_at(2 + IDLE_AFTER);
    assert_eq!(connections.table.lock().open, 4);
}

#[tokio::test]
async fn a_websocket_keeps_its_place_and_returns_it() {
    let connections = connections(1, 1);
    let place = connections.admit(address(1)).unwrap();
    place.connection().served_by(tokio::spawn(async {}).abort_handle());
    place.connection().upgraded();
    assert!(open(&connections, 2).is_none());
    drop(place);
    assert!(open(&connections, 2).is_some());
}

#[tokio::test]
async fn a_scrape_that_is_not_read_loses_its_place_to_another_one() {
    let connections = connections(100, 100);
    let [stalled, reading] = [1, 2].map(|from| open(&connections, from).unwrap());
    for connection in [&stalled, &reading] {
        connection.requested();
        connection.begin_scrape();
    }
    stalled.not_taken();
    assert_eq!(connections.take_scrape_places(address(3), 10), None, "it may still be read");
    assert_eq!(connections.take_scrape_places(address(1), 2), None, "nor for the same address");
    connections.sweep_at(STALLED_AFTER);
    assert_eq!(connections.take_scrape_places(address(3), 10), Some(1));
    assert!(!is_open(&connections, &stalled).await && is_open(&connections, &reading).await);
    assert!(!stalled.end_scrape() && reading.end_scrape(), "each place is returned once");
    assert_eq!(connections.take_scrape_places(address(3), 10), None);

    let greedy = open(&connections, 4).unwrap();
    (0..5).for_each(|_| greedy.begin_scrape());
    greedy.not_taken();
    assert_eq!(connections.take_scrape_places(address(3), 10), Some(5), "half of all from one address");
}
