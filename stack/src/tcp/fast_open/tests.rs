use super::*;
use crate::base::Duration;

fn tuple(last: u8) -> FourTuple {
    FourTuple {
        local: ([192, 0, 2, 1], 80).into(),
        remote: ([198, 51, 100, last], 5_000).into(),
    }
}

const KEY_MS: u64 = 1_000;

fn cookie_of(fast_opens: &FastOpens, tuple: &FourTuple, now: Instant) -> FastOpen {
    match fast_opens.answer(tuple, &FastOpen::REQUEST, now, KEY_MS) {
        Offered::Cookie(cookie) => cookie,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc7413_03_a_cookie_is_of_the_clients_address_and_of_a_key_that_rotates() {
    let fast_opens = FastOpens::new(&mut Random::new([1; 32]));
    let now = Instant::from_secs(100);
    let cookie = cookie_of(&fast_opens, &tuple(1), now);
    let answer = |tuple: &FourTuple, after_ms: u64| {
        let now = now + Duration::from_millis(after_ms);
        fast_opens.answer(tuple, &cookie, now, KEY_MS)
    };
    assert_eq!(answer(&tuple(1), 0), Offered::Text);
    assert_eq!(answer(&tuple(1), 999), Offered::Text);
    // Another port of the same host is as good (RFC 7413 §4.1.2).
    let mut other_port = tuple(1);
    other_port.remote.set_port(7);
    assert_eq!(answer(&other_port, 0), Offered::Text);
    // The key before the one in use is good, and a cookie of the new one comes along.
    assert!(matches!(answer(&tuple(1), 1_000), Offered::TextAndCookie(fresh) if fresh != cookie));
    assert!(matches!(
        answer(&tuple(1), 1_999),
        Offered::TextAndCookie(_)
    ));
    assert!(matches!(answer(&tuple(1), 2_000), Offered::Cookie(_)));
    assert!(matches!(answer(&tuple(2), 0), Offered::Cookie(_)));
    let others = FastOpens::new(&mut Random::new([2; 32]));
    assert_ne!(cookie_of(&others, &tuple(1), now), cookie);
}

fn learned(outcome: FastOpenOutcome, cookie: Option<FastOpen>) -> Learned {
    Learned {
        outcome,
        cookie,
        mss: 1_400,
    }
}

#[test]
fn what_a_server_gave_is_offered_and_what_failed_is_paused_for_longer_each_time() {
    let config = Config::default();
    let mut fast_opens = FastOpens::new(&mut Random::new([1; 32]));
    let server: IpAddr = [192, 0, 2, 9].into();
    let mut now = Instant::from_secs(1);
    let offer = fast_opens.offer(server, 536, now).unwrap();
    assert!(offer.option.is_request());
    assert_eq!(offer.mss, 536);
    let cookie = FastOpen::new(&[1, 2, 3, 4]).unwrap();
    let given = learned(FastOpenOutcome::CookieGiven, Some(cookie));
    fast_opens.learn(server, &given, &config, now);
    let offer = fast_opens.offer(server, 536, now).unwrap();
    assert_eq!((offer.option, offer.mss), (cookie, 1_400));
    let lost = learned(FastOpenOutcome::Unanswered, None);
    for factor in [1, 2, 4] {
        fast_opens.learn(server, &lost, &config, now);
        let pause = millis(config.fast_open_pause_ms).saturating_mul(factor);
        let almost = now + (pause - Duration::from_millis(1));
        assert!(fast_opens.offer(server, 536, almost).is_none());
        now += pause;
        let offer = fast_opens.offer(server, 536, now).unwrap();
        assert!(offer.option.is_request(), "the cookie is forgotten");
    }
    fast_opens.learn(server, &given, &config, now);
    fast_opens.learn(server, &lost, &config, now);
    let soon = now + millis(config.fast_open_pause_ms);
    assert!(fast_opens.offer(server, 536, soon).is_some());
}

#[test]
fn the_cookies_that_are_remembered_are_bounded() {
    let config = Config {
        fast_open_cookies_max: 3,
        ..Config::default()
    };
    let mut fast_opens = FastOpens::new(&mut Random::new([1; 32]));
    let now = Instant::from_secs(1);
    let cookie = FastOpen::new(&[1, 2, 3, 4]).unwrap();
    let given = learned(FastOpenOutcome::CookieGiven, Some(cookie));
    for last in 0..100_u8 {
        fast_opens.learn([192, 0, 2, last].into(), &given, &config, now);
        assert!(fast_opens.servers.len() <= 3 && fast_opens.order.len() <= 3);
    }
    let offer = |last: u8| {
        fast_opens
            .offer([192, 0, 2, last].into(), 536, now)
            .unwrap()
    };
    assert!(offer(96).option.is_request());
    assert_eq!(offer(97).option, cookie);
}
