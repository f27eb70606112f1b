//! The service over a memory store, with the clock passed by hand. Hops are gathered instead of made.

mod alarms;
mod data;
mod lifecycle;

use std::sync::Arc;

use pontoon_api::cloudwatch::*;
use pontoon_core::policy::PolicyMode;
use pontoon_core::step::{Effects, Ground, Settings};
use pontoon_core::{
    Account, ApiError, Batch, Caller, Datum, Direction, Hop, Ids, KeyRange, Output, Principal, Reply, Scope,
    Service, Space, Step, Store, Timestamp, Unit,
};

use crate::CloudWatch;

/// A service over a store, without an engine.
pub(super) struct Bench {
    pub(super) cloudwatch: CloudWatch,
    pub(super) store: Arc<dyn Store>,
    settings: Settings,
    ids: Ids,
    parks: u64,
    pub(super) now: Timestamp,
    pub(super) scope: Scope,
    caller: Caller,
    /// Hops that nobody has taken yet.
    pub(super) hops: Vec<Hop>,
}

/// Noon, so that minutes, hours and days begin where tests say.
pub(super) const NOON: &str = "2026-01-31T12:00:00Z";

impl Bench {
    pub(super) fn new() -> Self {
        let account: Account = "111111111111".parse().unwrap();
        let caller = Caller::of_account(account, "r", "http://127.0.0.1:4566");
        Self {
            cloudwatch: CloudWatch::default(),
            store: pontoon_store::memory(),
            settings: Settings { policies: PolicyMode::Enforce, endpoint: "http://127.0.0.1:4566".into() },
            ids: Ids::from_seed(1),
            parks: 0,
            now: Timestamp::parse_iso(NOON).unwrap(),
            scope: Scope { account, ..Scope::default() },
            caller,
            hops: Vec::new(),
        }
    }

    fn step<T>(
        &mut self,
        run: impl FnOnce(&mut CloudWatch, &mut Step<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let pending = Batch::new();
        let ground = Ground { store: self.store.as_ref(), pending: &pending, settings: &self.settings };
        let mut step = Step::new(self.now, self.scope, &self.caller, &mut self.ids, &mut self.parks, &ground);
        let value = run(&mut self.cloudwatch, &mut step)?;
        let (batch, Effects { hops, .. }) = step.finish();
        self.store.apply(batch).unwrap();
        self.hops.extend(hops);
        Ok(value)
    }

    /// Makes a call.
    pub(super) fn call<T: 'static>(&mut self, request: Request) -> Result<T, ApiError> {
        let reply = self.step(|cloudwatch, step| cloudwatch.call(step, Box::new(request)))?;
        let output = match reply {
            Reply::Ready(output) => output,
            Reply::Read(read) => read(self.store.snapshot().as_ref())?,
            Reply::Parked(_) => panic!("CloudWatch parks nothing"),
        };
        Ok(*output.into_any().downcast().unwrap())
    }

    /// The code (as the query protocol has it) and the message of the error that a call must end in.
    #[track_caller]
    pub(super) fn refused<T: Output>(&mut self, request: Request) -> (String, String) {
        match self.call::<T>(request) {
            Ok(output) => panic!("{output:?} is no error"),
            Err(error) => {
                let code = error.query_code.map_or_else(|| error.code.to_string(), str::to_owned);
                (code, error.message)
            }
        }
    }

    /// A service's own metric arrives.
    pub(super) fn measure(&mut self, datum: &Datum) {
        let scope = self.scope;
        self.step(|cloudwatch, step| {
            cloudwatch.measured(step, scope, datum);
            Ok(())
        })
        .unwrap();
    }

    /// Lets time pass, doing everything that falls due.
    pub(super) fn pass(&mut self, secs: i64) {
        let until = Timestamp::from_millis(self.now.millis() + secs * 1000);
        while let Some(due) = self.cloudwatch.next_due().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.step(|cloudwatch, step| {
                cloudwatch.run_due(step);
                Ok(())
            })
            .unwrap();
        }
        self.now = until;
    }

    /// Tells the owner of a hop how it ended.
    pub(super) fn settle(&mut self, hop: Hop, outcome: Result<Box<dyn Output>, ApiError>) {
        let ticket = hop.ticket.expect("somebody wants to know");
        assert_eq!(ticket.scope, self.scope);
        self.step(|cloudwatch, step| {
            cloudwatch.settled(step, ticket.token, outcome);
            Ok(())
        })
        .unwrap();
    }

    /// The process ends and another one opens its store.
    pub(super) fn restart(&mut self) {
        self.cloudwatch = CloudWatch::default();
        self.cloudwatch.load(self.store.as_ref()).unwrap();
        self.step(|cloudwatch, step| {
            cloudwatch.start(step);
            Ok(())
        })
        .unwrap();
    }

    pub(super) fn put(&mut self, name: &str, value: f64) {
        self.put_datum(MetricDatum { metric_name: name.into(), value: Some(value), ..Default::default() });
    }

    pub(super) fn put_datum(&mut self, datum: MetricDatum) {
        self.call::<PutMetricDataOutput>(Request::PutMetricData(put_data(vec![datum]))).unwrap();
    }

    /// The only alarm.
    pub(super) fn alarm(&mut self) -> MetricAlarm {
        let output: DescribeAlarmsOutput = self.call(Request::DescribeAlarms(Default::default())).unwrap();
        output.metric_alarms.unwrap().remove(0)
    }

    pub(super) fn alarm_state(&mut self) -> String {
        self.alarm().state_value.unwrap()
    }

    /// The summaries of the history, newest first.
    pub(super) fn summaries(&mut self) -> Vec<String> {
        let output: DescribeAlarmHistoryOutput =
            self.call(Request::DescribeAlarmHistory(Default::default())).unwrap();
        output.alarm_history_items.unwrap().into_iter().map(|item| item.history_summary.unwrap()).collect()
    }

    pub(super) fn keys(&self, space: Space) -> usize {
        let mut keys = 0;
        let count = &mut |_: &[u8], _: &bytes::Bytes| {
            keys += 1;
            std::ops::ControlFlow::Continue(())
        };
        self.store.scan(space, &KeyRange::all(), Direction::Ascending, count).unwrap();
        keys
    }
}

pub(super) fn put_data(metric_data: Vec<MetricDatum>) -> PutMetricDataInput {
    PutMetricDataInput { namespace: "app".into(), metric_data: Some(metric_data), ..Default::default() }
}

pub(super) fn queue_datum(name: &'static str, at: Timestamp, value: f64) -> Datum {
    let dimensions = vec![("QueueName".into(), "dlq".to_owned())];
    Datum { namespace: "AWS/SQS", name, dimensions, unit: Unit::Count, at, values: vec![(value, 1.0)] }
}

/// An alarm on `app`/`m`: sum over a minute above 5, once.
pub(super) fn alarm_input() -> PutMetricAlarmInput {
    PutMetricAlarmInput {
        alarm_name: "alarm".into(),
        metric_name: Some("m".into()),
        namespace: Some("app".into()),
        statistic: Some("Sum".into()),
        period: Some(60),
        evaluation_periods: Some(1),
        threshold: Some(5.0),
        comparison_operator: Some("GreaterThanThreshold".into()),
        ..Default::default()
    }
}
