//! Several resolvers in one stack: each look-up goes by the settings that it names.

use super::*;

fn asked_by(world: &mut World, resolver: Option<ResolverId>) -> Result<SocketAddr, CallRefused> {
    let mut call = LookUp::addresses("host.example", Families::V4);
    call.resolver = resolver;
    let lookup = world.dns.look_up(&mut world.around.at(world.now), &call)?;
    let server = world.only_transmit().server;
    world.cancel(lookup);
    Ok(server)
}

#[test]
fn a_look_up_goes_by_the_settings_that_it_names() {
    let mut world = World::new(&settings(&[SERVER_1]));
    let config = world.around.config.clone();
    let second = world
        .dns
        .add(&settings(&[SERVER_2]), &config)
        .expect("room");
    let third = world
        .dns
        .add(&settings(&[SERVER_3]), &config)
        .expect("room");
    assert_eq!(asked_by(&mut world, None), Ok(at(SERVER_1)));
    assert_eq!(asked_by(&mut world, Some(second)), Ok(at(SERVER_2)));
    assert_eq!(asked_by(&mut world, Some(third)), Ok(at(SERVER_3)));
    world.dns.remove(second);
    assert_eq!(
        asked_by(&mut world, Some(second)),
        Err(CallRefused::NoSuchEntry)
    );
    assert_eq!(asked_by(&mut world, Some(third)), Ok(at(SERVER_3)));
}

#[test]
fn a_look_up_that_goes_on_keeps_the_settings_of_a_resolver_that_is_gone() {
    let mut world = World::new(&settings(&[SERVER_1]));
    let config = world.around.config.clone();
    let second = world
        .dns
        .add(&settings(&[SERVER_2]), &config)
        .expect("room");
    let call = LookUp::addresses("host.example", Families::V4).asking(second);
    let looks_up = world.dns.look_up(&mut world.around.at(world.now), &call);
    looks_up.expect("a look-up");
    let first = world.only_transmit();
    world.dns.remove(second);
    world.fail(&first);
    assert_eq!(world.only_transmit().server, at(SERVER_2));
}

#[test]
fn resolvers_are_bounded() {
    let mut world = World::new(&settings(&[]));
    let config = Config {
        dns_resolvers_max: 1,
        ..Config::default()
    };
    let first = world.dns.add(&settings(&[]), &config).expect("room");
    let second = world.dns.add(&settings(&[]), &config);
    assert_eq!(second, Err(CallRefused::LimitReached));
    world.dns.remove(first);
    assert!(world.dns.add(&settings(&[]), &config).is_ok());
}

#[test]
fn what_one_resolver_learned_is_not_told_to_another_and_all_of_them_share_the_room() {
    let caching = |server| ResolverSettings {
        cache: Some(crate::call::CacheSettings::default()),
        ..settings(&[server])
    };
    let mut world = World::new(&caching(SERVER_1));
    let config = world.around.config.clone();
    let second = world.dns.add(&caching(SERVER_2), &config).expect("room");
    for (resolver, asked) in [(None, 1), (None, 0), (Some(second), 1), (Some(second), 0)] {
        let mut call = LookUp::addresses("host.example", Families::V4);
        call.resolver = resolver;
        let looks_up = world.dns.look_up(&mut world.around.at(world.now), &call);
        looks_up.expect("a look-up");
        let ran = world.run(|_, query| Act::Reply(with_addresses(query, &["192.0.2.1"])));
        assert_eq!(ran.asked.len(), asked);
    }
    assert_eq!(world.dns.cached_answers(), 2);
    let both = world.dns.cached_octets();
    world.dns.remove(second);
    assert_eq!(world.dns.cached_answers(), 1);
    assert_eq!(world.dns.cached_octets() * 2, both);
    world
        .dns
        .set(&settings(&[SERVER_3]), &config)
        .expect("settings");
    assert_eq!(
        (world.dns.cached_answers(), world.dns.cached_octets()),
        (0, 0)
    );
}
