package leeruitwisseling

// AddDay is for tests that hold a transaction open around it.
var AddDay = Service.addDay
